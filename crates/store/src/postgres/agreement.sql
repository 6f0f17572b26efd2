-- What the servers that share the store have agreed on, one row for each time: the one that was not superseded counts.
CREATE TABLE agreement (
    seq           bigint PRIMARY KEY,
    terms         text   NOT NULL,
    adopted_at    bigint NOT NULL,
    adopted_by    text   NOT NULL,
    superseded_at bigint
);

-- The servers that run, each of which says so again and again.
CREATE TABLE servers (
    id      uuid   PRIMARY KEY,
    name    text   NOT NULL,
    process text   NOT NULL, -- tells whether it has ended, to whoever is on the same machine
    terms   text   NOT NULL,
    beat_at bigint NOT NULL
);

-- Whoever had a right to the tables has it to the new ones.
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS role, a.privilege_type AS privilege
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'elected'::regclass AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT %s ON agreement, servers TO %s', granted.privilege, granted.role);
    END LOOP;
END $$;
