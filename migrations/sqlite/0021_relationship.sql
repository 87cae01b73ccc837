-- Nobody but the clinician says that they care for the patient (R105).

ALTER TABLE occasion ADD COLUMN claimed INTEGER NOT NULL DEFAULT 0;
