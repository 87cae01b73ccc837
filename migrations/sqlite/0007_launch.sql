-- SMART app launch: journeys through the authorize pages, launch handles, grants with their codes and refresh tokens,
-- failed sign-ins. Secrets are held as SHA-256 only; an NHS number only sealed, and only until the journey ends (R145).

-- One passage through the authorize pages, from the app's request to the answer it gets.
CREATE TABLE journey (
    id           TEXT    NOT NULL PRIMARY KEY,
    browser      BLOB,
    asked        TEXT    NOT NULL,
    username     TEXT,
    signed_in_at INTEGER,
    viewer       TEXT,
    patient      TEXT,
    sealed_nhs   BLOB,
    busy         INTEGER NOT NULL DEFAULT 0,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX journey_expiry ON journey (expires_at);

-- What an EHR registered for one launch: which app, for whom, about whom. `used_at` is what makes a second use impossible.
CREATE TABLE launch (
    hash       BLOB    NOT NULL PRIMARY KEY,
    client     TEXT    NOT NULL,
    username   TEXT    NOT NULL,
    patient    TEXT    NOT NULL,
    sealed_nhs BLOB    NOT NULL,
    context    TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX launch_expiry ON launch (expires_at);

-- What a clinician approved: the code that stands for it once, and the family of tokens that comes of it.
CREATE TABLE launch_grant (
    id              TEXT    NOT NULL PRIMARY KEY,
    code_hash       BLOB    NOT NULL UNIQUE,
    code_expires_at INTEGER NOT NULL,
    code_used_at    INTEGER,
    client          TEXT    NOT NULL,
    redirect_uri    TEXT    NOT NULL,
    challenge       TEXT    NOT NULL,
    nonce           TEXT,
    username        TEXT    NOT NULL,
    viewer          TEXT    NOT NULL,
    occasion        TEXT,
    patient         TEXT,
    scopes          TEXT    NOT NULL,
    refreshable     INTEGER NOT NULL,
    context         TEXT    NOT NULL,
    signed_in_at    INTEGER NOT NULL,
    ends_at         INTEGER NOT NULL,
    revoked_at      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX launch_grant_end ON launch_grant (ends_at);

-- Access tokens of a grant. `first_used_at` is only kept of those that a refresh gave: it ends the refresh's grace.
CREATE TABLE granted_token (
    hash          BLOB NOT NULL PRIMARY KEY,
    family        TEXT NOT NULL REFERENCES launch_grant (id) ON DELETE CASCADE,
    first_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX granted_token_family ON granted_token (family);

-- Refresh tokens, each good for one rotation: `next` and `access` are the pair that it was given.
CREATE TABLE refresh (
    hash       BLOB    NOT NULL PRIMARY KEY,
    family     TEXT    NOT NULL REFERENCES launch_grant (id) ON DELETE CASCADE,
    rotated_at INTEGER,
    next       BLOB,
    access     BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_family ON refresh (family);

-- Failed sign-ins of an account in a row; `account` is a hash, because people type other things than their name there.
CREATE TABLE sign_in_failure (
    account  BLOB    NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
