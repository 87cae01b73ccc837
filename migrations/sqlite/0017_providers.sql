-- OpenID providers: how it was known who opened an occasion, sign-ins that are under way elsewhere, id tokens that were exchanged.

ALTER TABLE occasion ADD COLUMN assurance TEXT NOT NULL DEFAULT 'asserted';

-- A browser was sent to a provider. Of its state only the hash is kept; nonce and PKCE verifier follow from the state and a key.
CREATE TABLE provider_sign_in (
    state      BLOB    NOT NULL PRIMARY KEY,
    journey    TEXT    NOT NULL,
    provider   TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX provider_sign_in_expiry ON provider_sign_in (expires_at);

-- An id token is good for the one client that presented it first.
CREATE TABLE subject_token (
    hash   BLOB    NOT NULL PRIMARY KEY,
    client TEXT    NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX subject_token_until ON subject_token (until);
