-- Two histories, one before and one after a failover, may both have a change of the same number. Its mark tells which it is.
ALTER TABLE changes ADD COLUMN mark uuid NOT NULL DEFAULT gen_random_uuid();

-- The mark of the change `purged_change`.
ALTER TABLE installation
    ADD COLUMN purged_mark uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
