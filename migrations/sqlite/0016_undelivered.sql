-- A notice that cannot be delivered holds up no other one: each has pauses of its own, and is given up in the end. `held_until`
-- is the moment until which one replica alone tries it; 0 = nobody does.
ALTER TABLE notice_delivery ADD COLUMN given_up INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notice_delivery ADD COLUMN held_until INTEGER NOT NULL DEFAULT 0;
CREATE INDEX notice_failing ON notice_delivery (notice) WHERE delivered = 0 AND last_error IS NOT NULL;
