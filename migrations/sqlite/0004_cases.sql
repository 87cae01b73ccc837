-- Cases of oversight: breaches, investigations, complaints, reports (R123, R184, R200, R201). A case is nothing but its steps,
-- one row each, never changed; the primary key lets one of two who act at once be first. The row of the audit trail that is
-- written in the same transaction holds each step's digest. What people said is sealed (AES-256-GCM).
-- No clinical content, no NHS number, no name of a patient.
CREATE TABLE case_step (
    case_id      TEXT    NOT NULL,
    n            INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    organisation TEXT,
    step         TEXT    NOT NULL,
    PRIMARY KEY (case_id, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX case_step_kind ON case_step (kind, case_id, n);
