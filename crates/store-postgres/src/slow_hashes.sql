-- How the slow hash is computed that an imported secret goes through before the keyed one; NULL for no such hash.
ALTER TABLE secrets ADD COLUMN slow_hash text;
