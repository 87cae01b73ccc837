-- What the patient said "no" to: TREAT for care, of whatever kind, else the one other use. A refusal of research does not stop care (R077).
ALTER TABLE refusal ADD COLUMN purpose TEXT NOT NULL DEFAULT 'TREAT';
