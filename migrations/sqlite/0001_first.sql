-- What OpenMIG keeps: tokens, occasions and the proof of what was seen. Never a word of a clinical record (R009, R128).
-- Times are microseconds since 1970-01-01T00:00:00Z. Ids of patients are keyed hashes.

CREATE TABLE token (
    hash         BLOB    NOT NULL PRIMARY KEY,
    client       TEXT    NOT NULL,
    organisation TEXT    NOT NULL,
    clinician    TEXT,
    assurance    TEXT,
    occasion     TEXT,
    patient      TEXT,
    audit_of     TEXT,
    scopes       TEXT    NOT NULL,
    issued_at    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX token_occasion ON token (occasion) WHERE occasion IS NOT NULL;
CREATE INDEX token_expiry ON token (expires_at);

-- One row for each assertion that was ever used: the primary key is what makes a second use impossible.
CREATE TABLE assertion (
    client TEXT    NOT NULL,
    jti    TEXT    NOT NULL,
    until  INTEGER NOT NULL,
    PRIMARY KEY (client, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX assertion_until ON assertion (until);

CREATE TABLE occasion (
    id              TEXT    NOT NULL PRIMARY KEY,
    viewer          TEXT    NOT NULL,
    client          TEXT    NOT NULL,
    clinician       TEXT    NOT NULL,
    role            TEXT    NOT NULL,
    patient         TEXT    NOT NULL,
    sealed_nhs      BLOB    NOT NULL,
    practice        TEXT    NOT NULL,
    tabs            INTEGER NOT NULL,
    protocol        TEXT    NOT NULL,
    purpose         TEXT    NOT NULL,
    consent         TEXT,
    talk            TEXT,
    override_reason TEXT,
    override_text   TEXT,
    opened_at       INTEGER NOT NULL,
    ends_at         INTEGER NOT NULL,
    withdrawn_at    INTEGER,
    register_hash   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX occasion_consent ON occasion (consent) WHERE consent IS NOT NULL;

CREATE TABLE alert (
    id        TEXT    NOT NULL PRIMARY KEY,
    viewer    TEXT    NOT NULL,
    clinician TEXT    NOT NULL,
    patient   TEXT    NOT NULL,
    practice  TEXT    NOT NULL,
    occasion  TEXT    NOT NULL REFERENCES occasion (id),
    reason    TEXT    NOT NULL,
    text      TEXT    NOT NULL,
    at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_viewer ON alert (viewer, at);

CREATE TABLE refusal (
    viewer    TEXT    NOT NULL,
    clinician TEXT    NOT NULL,
    patient   TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    until     INTEGER NOT NULL,
    lifted_at INTEGER
) STRICT;
CREATE INDEX refusal_of ON refusal (patient, viewer, clinician);

CREATE TABLE sharing (
    patient   TEXT    NOT NULL,
    practice  TEXT    NOT NULL,
    opted_out INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (patient, practice)
) STRICT, WITHOUT ROWID;

-- The ids of a held version of a record, in order: what the bitmap `entries` of a disclosure counts through.
-- One id a line; `~` stands for the patient's id.
CREATE TABLE audit_version (
    version TEXT NOT NULL PRIMARY KEY,
    patient TEXT NOT NULL,
    ids     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One happening a row, numbered from 1 without a gap. The columns from `id` to `other_ids`, in this order, are what the
-- leaf of the Merkle log is made of (see src/audit/row.rs); `chain` ties every row to the one before it.
CREATE TABLE audit_event (
    seq         INTEGER NOT NULL PRIMARY KEY,
    id          BLOB    NOT NULL,
    at          INTEGER NOT NULL,
    what        TEXT    NOT NULL,
    failure     TEXT,
    request     TEXT    NOT NULL,
    address     TEXT,
    client      TEXT,
    clinician   TEXT,
    role        TEXT,
    assurance   TEXT,
    viewer      TEXT,
    practice    TEXT,
    patient     TEXT,
    occasion    TEXT,
    purpose     TEXT,
    basis       TEXT,
    tabs        INTEGER NOT NULL,
    decision    TEXT,
    policy      TEXT,
    exclusions  TEXT,
    token       TEXT,
    interaction TEXT,
    kind        TEXT,
    query       TEXT,
    version     TEXT,
    entries     BLOB,
    other_ids   TEXT,
    salt        BLOB    NOT NULL,
    chain       BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_event_id ON audit_event (id);
-- Kept few: each one is a page more to write for every row.
CREATE INDEX audit_event_practice ON audit_event (practice) WHERE practice IS NOT NULL;
CREATE INDEX audit_event_patient ON audit_event (patient) WHERE patient IS NOT NULL;

-- The root of the Merkle log (RFC 6962) after each group of rows.
CREATE TABLE audit_head (
    size INTEGER NOT NULL PRIMARY KEY,
    root BLOB    NOT NULL,
    at   INTEGER NOT NULL
) STRICT;

-- The full subtrees of the log and the chain's end, so that a start need not read every row.
CREATE TABLE audit_frontier (
    only  INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    size  INTEGER NOT NULL,
    nodes BLOB    NOT NULL,
    chain BLOB    NOT NULL
) STRICT;
INSERT INTO audit_frontier (only, size, nodes, chain) VALUES (1, 0, x'', zeroblob(32));
