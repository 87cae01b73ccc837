-- Terms of use accepted on the page at the point of care (S2 7.3.3; R102, R103). Rows are only ever added: one for each text that
-- somebody has accepted, told apart by version and SHA-256.
CREATE TABLE terms_acceptance (
    username     TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    text_sha256  BLOB    NOT NULL CHECK (length(text_sha256) = 32),
    at           INTEGER NOT NULL,
    client       TEXT    NOT NULL,
    organisation TEXT    NOT NULL,
    PRIMARY KEY (username, version, text_sha256)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER terms_acceptance_stays BEFORE DELETE ON terms_acceptance
BEGIN SELECT RAISE(ABORT, 'an acceptance is never deleted'); END;
CREATE TRIGGER terms_acceptance_stands BEFORE UPDATE ON terms_acceptance
BEGIN SELECT RAISE(ABORT, 'an acceptance is never changed'); END;
