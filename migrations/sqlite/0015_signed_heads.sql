-- Tree heads that the gateway signed (R126), each as it was handed out. They are never changed: an index lets nobody sign two
-- histories unseen, and whoever kept one elsewhere can compare.
CREATE TABLE audit_signed_head (
    seq       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    size      INTEGER NOT NULL,
    signed_at INTEGER NOT NULL,
    kid       TEXT    NOT NULL,
    jws       TEXT    NOT NULL
) STRICT;

-- The public halves of the keys that signed them, so that a head can be checked after the key has gone.
CREATE TABLE audit_head_key (
    kid        TEXT    NOT NULL PRIMARY KEY,
    jwk        TEXT    NOT NULL,
    first_used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
