-- Ids are 16-byte blobs and times are milliseconds since the epoch. Where rows are small and found by their id, the
-- tree of the ids holds the rows themselves (WITHOUT ROWID): one descent instead of two, and no second tree.

CREATE TABLE installation (
    id            INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    check_value   BLOB,                 -- NULL until installed
    purged_change INTEGER NOT NULL      -- the greatest number of a change that has been purged
) STRICT;

INSERT INTO installation (id, check_value, purged_change) VALUES (1, NULL, 0);

CREATE TABLE signing_keys (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    sealed       BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    activates_at INTEGER NOT NULL,
    retires_at   INTEGER
) STRICT;

-- AUTOINCREMENT: a number is never given twice, not even after the newest rows were purged.
CREATE TABLE changes (
    seq          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind         TEXT    NOT NULL,
    id           BLOB,                  -- of whom; NULL for the signing keys
    issued_until INTEGER,               -- of a revocation; NULL for any other change
    until        INTEGER NOT NULL       -- from when on the row may be purged; when a revocation expires
) STRICT;

CREATE INDEX changes_by_until ON changes (until);
-- A million clients added today are a million changes; a start must not read them to find the revocations.
CREATE INDEX revocations_by_until ON changes (until) WHERE issued_until IS NOT NULL;

CREATE TABLE merchants (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name          TEXT    NOT NULL,
    disabled      INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    revoked_until INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE clients (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    merchant_id   BLOB    REFERENCES merchants (id),    -- NULL for an operator's client
    name          TEXT    NOT NULL,
    environment   TEXT    NOT NULL CHECK (environment IN ('test', 'live')),
    scope         TEXT    NOT NULL,
    addresses     TEXT    NOT NULL,     -- networks, separated by spaces
    disabled      INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    revoked_until INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The primary key is part of every index of such a table: this one is ordered by (merchant_id, id).
CREATE INDEX clients_by_merchant ON clients (merchant_id);

CREATE TABLE secrets (
    client_id  BLOB    NOT NULL REFERENCES clients (id),
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    PRIMARY KEY (client_id, id)
) STRICT, WITHOUT ROWID;

-- A key is in flight while `status` is NULL, then answered; either way it is free from `until` on.
CREATE TABLE idempotency_keys (
    merchant_id BLOB    NOT NULL CHECK (length(merchant_id) = 16),
    environment TEXT    NOT NULL CHECK (environment IN ('test', 'live')),
    route       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    owner       BLOB    NOT NULL CHECK (length(owner) = 16),
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    until       INTEGER NOT NULL,       -- the end of the lease, or the expiry of the answer
    status      INTEGER,
    body        BLOB,
    PRIMARY KEY (merchant_id, environment, route, key),
    CHECK ((status IS NULL) = (body IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_until ON idempotency_keys (until);

-- With a rowid: `details` can be long, and long rows would make the tree of the ids deep.
CREATE TABLE payment_requests (
    id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    merchant_id BLOB    NOT NULL CHECK (length(merchant_id) = 16),
    environment TEXT    NOT NULL CHECK (environment IN ('test', 'live')),
    details     TEXT    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('pending', 'approved', 'declined')),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    decided_at  INTEGER,
    CHECK ((status = 'pending') = (decided_at IS NULL))
) STRICT;

CREATE INDEX payment_requests_by_time ON payment_requests (merchant_id, environment, created_at DESC, id DESC);
