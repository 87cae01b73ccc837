-- What somebody has to be told (R092, R062, R153 to R157, R181, R200): who, of what kind, about which ids. Never a word of a
-- clinical record, never an NHS number, never a name. `seq` is the order of telling.
CREATE TABLE notice (
    seq             INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id              TEXT    NOT NULL UNIQUE,
    recipient       TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    about           TEXT    NOT NULL,
    body            TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    acknowledged_by TEXT,
    acknowledged_at INTEGER
) STRICT;
CREATE INDEX notice_recipient ON notice (recipient, seq);

-- One row for each way out of the house. It is done when it was delivered, or when the recipient had no address that way.
CREATE TABLE notice_delivery (
    notice     INTEGER NOT NULL REFERENCES notice (seq),
    channel    TEXT    NOT NULL,
    recipient  TEXT    NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    next_at    INTEGER NOT NULL,
    done_at    INTEGER,
    delivered  INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    PRIMARY KEY (notice, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_waiting ON notice_delivery (recipient, channel, notice) WHERE done_at IS NULL;
