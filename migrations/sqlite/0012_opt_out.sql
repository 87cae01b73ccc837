-- Stage 1 (S2 6.1, 6.4; R060 to R066): requests to opt out of sharing or back in, their review, and what was decided. Rows are
-- only ever added: who asked, what was said and what was found are sealed with the installation's key.
CREATE TABLE opt_out_request (
    id          TEXT    NOT NULL PRIMARY KEY,
    practice    TEXT    NOT NULL,
    patient     TEXT    NOT NULL,
    sealed_nhs  TEXT    NOT NULL,
    wish        TEXT    NOT NULL,
    asker       TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    recorded_by TEXT    NOT NULL,
    alarmed_at  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX opt_out_request_practice ON opt_out_request (practice, received_at);

CREATE TABLE opt_out_note (
    request TEXT    NOT NULL REFERENCES opt_out_request (id),
    at      INTEGER NOT NULL,
    by      TEXT    NOT NULL,
    note    TEXT    NOT NULL
) STRICT;
CREATE INDEX opt_out_note_of ON opt_out_note (request, at);

-- The primary key is what makes a second closing impossible.
CREATE TABLE opt_out_review (
    request    TEXT    NOT NULL PRIMARY KEY REFERENCES opt_out_request (id),
    at         INTEGER NOT NULL,
    by         TEXT    NOT NULL,
    decision   TEXT    NOT NULL,
    discussion TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- What stands: the last decision that was put into effect, per patient and practice.
CREATE TABLE opt_out (
    patient   TEXT    NOT NULL,
    practice  TEXT    NOT NULL,
    opted_out INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    request   TEXT    NOT NULL REFERENCES opt_out_request (id),
    PRIMARY KEY (patient, practice)
) STRICT, WITHOUT ROWID;
