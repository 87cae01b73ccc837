-- What was taken away at run time (S2 12; R154 to R157, R108): each with who, why and since when. Rows are never deleted; a
-- hold is lifted by filling in who gave which assurance when. Nothing here can give access.
CREATE TABLE hold (
    id           TEXT    NOT NULL PRIMARY KEY,
    kind         TEXT    NOT NULL,
    organisation TEXT,
    viewer       TEXT,
    username     TEXT,
    placed_for   TEXT    NOT NULL,
    placed_by    TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    starts_at    INTEGER NOT NULL,
    lifted_at    INTEGER,
    lifted_by    TEXT,
    assured_by   TEXT,
    assurance    TEXT,
    assured_on   TEXT
) STRICT, WITHOUT ROWID;
-- The same thing is held once for each who placed it: a practice's hold stays when the group lifts its own.
CREATE UNIQUE INDEX hold_standing
    ON hold (kind, coalesce(organisation, ''), coalesce(viewer, ''), coalesce(username, ''), placed_for)
    WHERE lifted_at IS NULL;

-- Counts every change, so that each replica sees with one small read whether what it remembers is still true.
CREATE TABLE hold_generation (
    only       INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    generation INTEGER NOT NULL
) STRICT;
INSERT INTO hold_generation (only, generation) VALUES (1, 0);
CREATE TRIGGER hold_placed AFTER INSERT ON hold BEGIN
    UPDATE hold_generation SET generation = generation + 1;
END;
CREATE TRIGGER hold_changed AFTER UPDATE ON hold BEGIN
    UPDATE hold_generation SET generation = generation + 1;
END;
CREATE TRIGGER hold_deleted BEFORE DELETE ON hold BEGIN
    SELECT raise(ABORT, 'a hold is lifted, never deleted');
END;

-- Every register that was ever in force, by its hash: what a decision is explained with later. `files` is the canonical
-- text of all files (names, lengths, texts), compressed with zlib; the hash is taken over that text.
CREATE TABLE register_snapshot (
    hash  TEXT    NOT NULL PRIMARY KEY,
    at    INTEGER NOT NULL,
    files BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
