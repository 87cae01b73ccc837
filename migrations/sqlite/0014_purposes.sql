-- Uses other than direct care, the requester's site, and what was asked for (R034, R158, R172, R176).

ALTER TABLE occasion ADD COLUMN site TEXT;
-- Kind of the legal gateway; NULL: direct care.
ALTER TABLE occasion ADD COLUMN gateway TEXT;
-- Tabs that were asked for, as bits; NULL: none was named.
ALTER TABLE occasion ADD COLUMN asked INTEGER;
-- Another patient of the viewer's worklist had the same name (R110).
ALTER TABLE occasion ADD COLUMN same_name INTEGER NOT NULL DEFAULT 0;

-- Patients of whom the national service said that they have no national data opt-out, and when it said so. Whoever has one
-- is not in here: having opted out is nobody's business.
CREATE TABLE national_clearance (
    patient TEXT    NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
