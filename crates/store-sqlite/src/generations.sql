-- What ends tokens is a number that was raised, not a time that clocks are asked for. Tokens from before this step are of
-- generation 0.
ALTER TABLE clients ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
UPDATE clients SET generation = 1 WHERE revoked_until > 0;
ALTER TABLE clients DROP COLUMN revoked_until;
ALTER TABLE merchants ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
UPDATE merchants SET generation = 1 WHERE revoked_until > 0;
ALTER TABLE merchants DROP COLUMN revoked_until;

-- Of a revocation: the first generation whose tokens are good, 0 where it ends a single token or a secret's. NULL for any
-- other change.
ALTER TABLE changes ADD COLUMN generation INTEGER;
UPDATE changes SET generation = CASE
        WHEN kind NOT IN ('client revoked', 'merchant revoked') THEN 0
        WHEN kind = 'client revoked' AND NOT EXISTS (SELECT 1 FROM clients WHERE clients.id = changes.id)
            THEN 9223372036854775807
        ELSE 1
    END
    WHERE issued_until IS NOT NULL;
DROP INDEX revocations_by_until;
ALTER TABLE changes DROP COLUMN issued_until;
CREATE INDEX revocations_by_until ON changes (until) WHERE generation IS NOT NULL;

-- One that is compromised is refused, whatever any clock shows.
ALTER TABLE signing_keys ADD COLUMN compromised INTEGER NOT NULL DEFAULT 0 CHECK (compromised IN (0, 1));

-- In milliseconds: for how long any token that was ever issued can be good. Of an installation from before this step it
-- is not known, so it is the longest that a configuration may have had.
ALTER TABLE installation ADD COLUMN longest_lifetime INTEGER NOT NULL DEFAULT 0;
UPDATE installation SET longest_lifetime = 2595600000 WHERE check_value IS NOT NULL;

-- Up to when time has passed for certain, and how long the machine had been up then: see the trait.
CREATE TABLE time_passed (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    until  INTEGER NOT NULL,
    boot   BLOB    NOT NULL CHECK (length(boot) = 16),
    uptime INTEGER NOT NULL         -- in milliseconds
) STRICT;
