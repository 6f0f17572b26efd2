-- What other parts of a program keep: the payment requests of the sandbox are documents of one kind. `body` never changes,
-- `state` does, and not any more from `expires_at` on.
ALTER TABLE payment_requests RENAME TO documents;
ALTER TABLE documents RENAME COLUMN details TO body;
ALTER TABLE documents RENAME COLUMN status TO state;
ALTER TABLE documents RENAME COLUMN decided_at TO changed_at;
-- A default, and a default taken away, instead of rows that are written again.
ALTER TABLE documents ADD COLUMN kind text NOT NULL DEFAULT 'payment request';
ALTER TABLE documents ALTER COLUMN kind DROP DEFAULT;
-- The words for states are those of whoever keeps the documents.
ALTER TABLE documents DROP CONSTRAINT payment_requests_status_check;
ALTER TABLE documents DROP CONSTRAINT payment_requests_check;

ALTER INDEX payment_requests_pkey RENAME TO documents_pkey;
DROP INDEX payment_requests_by_time;
CREATE INDEX documents_by_time ON documents (merchant_id, environment, kind, created_at DESC, id DESC);
