-- What the app asked in its first request, so that a refresh may name it again: a wildcard then stands for what was granted of
-- it, and for nothing else. Empty for grants of before, which name what was granted.
ALTER TABLE launch_grant ADD COLUMN asked TEXT NOT NULL DEFAULT '';
