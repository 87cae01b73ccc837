-- What was dropped or degraded of each record at its last look-up (R204): how often, where in the source's message, why.
-- Nothing of an entry: no code, no value, no id of its own. Kept 180 days after the look-up.
CREATE TABLE mapping_loss (
    practice TEXT    NOT NULL,
    patient  TEXT    NOT NULL,
    path     TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    count    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (practice, patient, path, reason)
) STRICT, WITHOUT ROWID;
CREATE INDEX mapping_loss_at ON mapping_loss (at);
