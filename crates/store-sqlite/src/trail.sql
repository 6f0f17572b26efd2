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
-- The number of the newest record that was streamed to a file or to syslog.
ALTER TABLE installation ADD COLUMN streamed_audit INTEGER NOT NULL DEFAULT 0;

-- When a secret was last used, and from where: a row without a source for the secret as a whole, one for each of its first
-- sources, and one named * for all others.
CREATE TABLE secret_uses (
    client_id BLOB    NOT NULL,
    secret_id BLOB    NOT NULL,
    source    TEXT    NOT NULL,
    last_at   INTEGER NOT NULL,
    PRIMARY KEY (client_id, secret_id, source)
) STRICT, WITHOUT ROWID;
