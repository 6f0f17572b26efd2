-- How often a merchant or a client has been changed.
ALTER TABLE merchants ADD COLUMN version bigint NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN version bigint NOT NULL DEFAULT 0;

-- In milliseconds, where a client's tokens live for less than the configured time.
ALTER TABLE clients ADD COLUMN access_ttl bigint;
ALTER TABLE clients ADD COLUMN refresh_ttl bigint;
-- How many tokens it may obtain, such as 30/min; NULL for any number.
ALTER TABLE clients ADD COLUMN quota text;
-- A line each: name=value.
ALTER TABLE clients ADD COLUMN labels bytea NOT NULL DEFAULT '';

-- Revocations are listed by their numbers, and other changes are many.
CREATE INDEX revocations_by_seq ON changes (seq) WHERE generation IS NOT NULL;
