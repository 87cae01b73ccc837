-- The review of overrides (S2 6.5.3, 7.3.6; R093, R095). Rows are only ever added; findings are sealed.
CREATE TABLE override_review (
    alert           TEXT    NOT NULL REFERENCES alert (id),
    at              INTEGER NOT NULL,
    reviewer        TEXT    NOT NULL,
    outcome         TEXT    NOT NULL,
    findings        TEXT    NOT NULL,
    recommendations TEXT    NOT NULL
) STRICT;
CREATE INDEX override_review_of ON override_review (alert, at);
-- An override is concluded once.
CREATE UNIQUE INDEX override_review_concluded ON override_review (alert) WHERE outcome <> 'escalated';
