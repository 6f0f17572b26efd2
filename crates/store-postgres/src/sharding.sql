-- What an engine that shards the tables needs: one row for an idempotency key, by the primary key alone, and no foreign
-- key between clients and their secrets.

ALTER TABLE idempotency_keys RENAME TO idempotency_keys_by_day;
ALTER INDEX idempotency_keys_pkey RENAME TO idempotency_keys_by_day_pkey;
ALTER INDEX idempotency_keys_by_until RENAME TO idempotency_keys_by_day_by_until;

-- The row is the lock: whoever takes the key writes it, and only if its lease or its answer has ended by two clocks.
CREATE TABLE idempotency_keys (
    merchant_id uuid    NOT NULL,
    environment text    NOT NULL CHECK (environment IN ('test', 'live')),
    route       text    NOT NULL,
    key         text    NOT NULL COLLATE "C",
    owner       uuid    NOT NULL,
    fingerprint bytea   NOT NULL CHECK (length(fingerprint) = 32),
    until       bigint  NOT NULL,   -- the end of the lease, or the expiry of the answer
    status      integer,
    body        bytea,
    -- When it was taken, by the database's clock.
    taken_at    bigint  NOT NULL DEFAULT (extract(epoch FROM statement_timestamp()) * 1000)::bigint,
    PRIMARY KEY (merchant_id, environment, route, key),
    CHECK ((status IS NULL) = (body IS NULL))
) WITH (
    -- Every key is updated once and deleted a day later: a vacuum follows often, and has little to do each time.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 0
);

-- A server that is still of the version before may hold the lock on a row; it is waited for. Of two rows for one key the
-- answered one counts, or the one that counts for longer.
INSERT INTO idempotency_keys
    (merchant_id, environment, route, key, owner, fingerprint, until, status, body)
SELECT DISTINCT ON (merchant_id, environment, route, key)
    merchant_id, environment, route, key, owner, fingerprint, until, status, body
FROM idempotency_keys_by_day
ORDER BY merchant_id, environment, route, key, status IS NULL, until DESC;

CREATE INDEX idempotency_keys_by_until ON idempotency_keys (until);

-- Whoever had a right to the table has it to the new one.
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS role, a.privilege_type AS privilege
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'idempotency_keys_by_day'::regclass AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT %s ON idempotency_keys TO %s', granted.privilege, granted.role);
    END LOOP;
END $$;

DROP TABLE idempotency_keys_by_day;

ALTER TABLE secrets DROP CONSTRAINT IF EXISTS secrets_client_id_fkey;
