
-- The mark of the change `purged_change`: another history, as of a backup that was put in place of the store, has another one.
ALTER TABLE installation
    ADD COLUMN purged_mark BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';
