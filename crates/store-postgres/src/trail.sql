-- The audit trail. `mac` chains a record to the one before it by a key that the store holds sealed at most: see
-- tollgate_core::TrailKey. What people write is kept as bytes of UTF-8: read it by convert_from(reason, 'UTF8').
CREATE TABLE audit (
    seq          bigint PRIMARY KEY,
    at           bigint NOT NULL,
    actor        bytea  NOT NULL,
    source       bytea,
    act          text   NOT NULL,
    outcome      text   NOT NULL,
    object       bytea  NOT NULL,
    client_id    uuid,
    merchant_id  uuid,
    state_before bytea,
    state_after  bytea,
    reason       bytea,
    request_id   bytea,
    mac          bytea  NOT NULL CHECK (length(mac) = 32)
);

CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_object ON audit (object);
CREATE INDEX audit_by_client ON audit (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX audit_by_merchant ON audit (merchant_id) WHERE merchant_id IS NOT NULL;

-- The key of the trail, sealed; NULL while it is derived from the master key that the check value is of.
ALTER TABLE installation ADD COLUMN trail_key bytea;
-- The newest record, and the newest that was purged. NULL: none. Whoever adds a record holds this row until it commits.
ALTER TABLE installation ADD COLUMN audit_seq bigint NOT NULL DEFAULT 0;
ALTER TABLE installation ADD COLUMN audit_mac bytea;
ALTER TABLE installation ADD COLUMN purged_audit bigint NOT NULL DEFAULT 0;
ALTER TABLE installation ADD COLUMN purged_audit_mac bytea;
-- The number of the newest record that was streamed to a file or to syslog.
ALTER TABLE installation ADD COLUMN streamed_audit bigint NOT NULL DEFAULT 0;

-- When a secret was last used, and from where: a row without a source for the secret as a whole, one for each of its first
-- sources, and one named * for all others.
CREATE TABLE secret_uses (
    client_id uuid   NOT NULL,
    secret_id uuid   NOT NULL,
    source    text   NOT NULL COLLATE "C",
    last_at   bigint NOT NULL,
    PRIMARY KEY (client_id, secret_id, source)
);
