-- Ids are UUIDs and times are milliseconds since the epoch. What people write (names, details) is kept as bytes of
-- UTF-8, because PostgreSQL's text can't hold every character: read it by convert_from(name, 'UTF8').

CREATE TABLE installation (
    id            integer PRIMARY KEY CHECK (id = 1),
    check_value   bytea,            -- NULL until installed
    purged_change bigint  NOT NULL, -- the greatest number of a change that has been purged
    last_change   bigint  NOT NULL  -- the number of the newest change; whoever adds one holds this row until it commits
);

INSERT INTO installation (id, check_value, purged_change, last_change) VALUES (1, NULL, 0, 0);

CREATE TABLE signing_keys (
    id           uuid   PRIMARY KEY,
    sealed       bytea  NOT NULL,
    created_at   bigint NOT NULL,
    activates_at bigint NOT NULL,
    retires_at   bigint
);

-- Numbered by installation.last_change, not by a sequence: numbers become visible in their order.
CREATE TABLE changes (
    seq          bigint PRIMARY KEY,
    kind         text   NOT NULL,
    id           uuid,              -- of whom; NULL for the signing keys
    issued_until bigint,            -- of a revocation; NULL for any other change
    until        bigint NOT NULL    -- from when on the row may be purged; when a revocation expires
);

CREATE INDEX changes_by_until ON changes (until);
-- A million clients added today are a million changes; a start must not read them to find the revocations.
CREATE INDEX revocations_by_until ON changes (until) WHERE issued_until IS NOT NULL;

CREATE TABLE merchants (
    id            uuid    PRIMARY KEY,
    name          bytea   NOT NULL,
    disabled      boolean NOT NULL,
    revoked_until bigint  NOT NULL,
    created_at    bigint  NOT NULL
);

CREATE TABLE clients (
    id            uuid    PRIMARY KEY,
    merchant_id   uuid    REFERENCES merchants (id),    -- NULL for an operator's client
    name          bytea   NOT NULL,
    environment   text    NOT NULL CHECK (environment IN ('test', 'live')),
    scope         text    NOT NULL,
    addresses     text    NOT NULL,     -- networks, separated by spaces
    disabled      boolean NOT NULL,
    revoked_until bigint  NOT NULL,
    created_at    bigint  NOT NULL
);

CREATE INDEX clients_by_merchant ON clients (merchant_id, id);

CREATE TABLE secrets (
    client_id  uuid   NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    id         uuid   NOT NULL,
    hash       bytea  NOT NULL CHECK (length(hash) = 32),
    created_at bigint NOT NULL,
    expires_at bigint,
    revoked_at bigint,
    PRIMARY KEY (client_id, id)
);

-- A key is in flight while `status` is NULL, then answered; either way it is free from `until` on. It has one row at
-- most, in the partition of the day on which it was taken. A partition whose rows have all expired is truncated as a
-- whole, and used again four days later. No index can tell that a key has a row in two partitions, so whoever takes a
-- key holds the advisory lock of its hash.
CREATE TABLE idempotency_keys (
    merchant_id uuid     NOT NULL,
    environment text     NOT NULL CHECK (environment IN ('test', 'live')),
    route       text     NOT NULL,
    key         text     NOT NULL COLLATE "C",
    generation  smallint NOT NULL,      -- the day since the epoch, modulo 4
    owner       uuid     NOT NULL,
    fingerprint bytea    NOT NULL CHECK (length(fingerprint) = 32),
    until       bigint   NOT NULL,      -- the end of the lease, or the expiry of the answer
    status      integer,
    body        bytea,
    PRIMARY KEY (merchant_id, environment, route, key, generation),
    CHECK ((status IS NULL) = (body IS NULL))
) PARTITION BY LIST (generation);

CREATE TABLE idempotency_keys_0 PARTITION OF idempotency_keys FOR VALUES IN (0);
CREATE TABLE idempotency_keys_1 PARTITION OF idempotency_keys FOR VALUES IN (1);
CREATE TABLE idempotency_keys_2 PARTITION OF idempotency_keys FOR VALUES IN (2);
CREATE TABLE idempotency_keys_3 PARTITION OF idempotency_keys FOR VALUES IN (3);

CREATE INDEX idempotency_keys_by_until ON idempotency_keys (until);

CREATE TABLE payment_requests (
    id          uuid   PRIMARY KEY,
    merchant_id uuid   NOT NULL,
    environment text   NOT NULL CHECK (environment IN ('test', 'live')),
    details     bytea  NOT NULL,
    status      text   NOT NULL CHECK (status IN ('pending', 'approved', 'declined')),
    created_at  bigint NOT NULL,
    expires_at  bigint NOT NULL,
    decided_at  bigint,
    CHECK ((status = 'pending') = (decided_at IS NULL))
);

CREATE INDEX payment_requests_by_time ON payment_requests (merchant_id, environment, created_at DESC, id DESC);
