-- What other parts of a program keep: the payment requests of the sandbox are documents of one kind. `body` never changes,
-- `state` does, and not any more from `expires_at` on.
-- With a rowid: `body` can be long, and long rows would make the tree of the ids deep.
CREATE TABLE documents (
    id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    merchant_id BLOB    NOT NULL CHECK (length(merchant_id) = 16),
    environment TEXT    NOT NULL CHECK (environment IN ('test', 'live')),
    body        TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    changed_at  INTEGER,
    kind        TEXT    NOT NULL
) STRICT;

INSERT INTO documents (id, merchant_id, environment, body, state, created_at, expires_at, changed_at, kind)
SELECT id, merchant_id, environment, details, status, created_at, expires_at, decided_at, 'payment request'
FROM payment_requests ORDER BY rowid;

DROP TABLE payment_requests;

CREATE INDEX documents_by_time ON documents (merchant_id, environment, kind, created_at DESC, id DESC);
