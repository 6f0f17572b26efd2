-- How often a merchant or a client has been changed.
ALTER TABLE merchants ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN version INTEGER NOT NULL DEFAULT 0;

-- In milliseconds, where a client's tokens live for less than the configured time.
ALTER TABLE clients ADD COLUMN access_ttl INTEGER;
ALTER TABLE clients ADD COLUMN refresh_ttl INTEGER;
-- How many tokens it may obtain, such as 30/min; NULL for any number.
ALTER TABLE clients ADD COLUMN quota TEXT;
-- A line each: name=value.
ALTER TABLE clients ADD COLUMN labels TEXT NOT NULL DEFAULT '';

-- Revocations are listed by their numbers, and other changes are many.
CREATE INDEX revocations_by_seq ON changes (seq) WHERE generation IS NOT NULL;
