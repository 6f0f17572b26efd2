-- The audit trail. `mac` chains a record to the one before it by a key that the store holds sealed at most: see
-- tollgate_core::TrailKey.
CREATE TABLE audit (
    seq          INTEGER NOT NULL PRIMARY KEY,
    at           INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    source       TEXT,
    act          TEXT    NOT NULL,
    outcome      TEXT    NOT NULL,
    object       TEXT    NOT NULL,
    client_id    BLOB,
    merchant_id  BLOB,
    state_before TEXT,
    state_after  TEXT,
    reason       TEXT,
    request_id   TEXT,
    mac          BLOB    NOT NULL CHECK (length(mac) = 32)
) STRICT;

CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_object ON audit (object);
CREATE INDEX audit_by_client ON audit (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX audit_by_merchant ON audit (merchant_id) WHERE merchant_id IS NOT NULL;

-- The key of the trail, sealed; NULL while it is derived from the master key that the check value is of.
ALTER TABLE installation ADD COLUMN trail_key BLOB;
-- The newest record, and the newest that was purged. NULL: none.
ALTER TABLE installation ADD COLUMN audit_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE installation ADD COLUMN audit_mac BLOB;
ALTER TABLE installation ADD COLUMN purged_audit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE installation ADD COLUMN purged_audit_mac BLOB;
