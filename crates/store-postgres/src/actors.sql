-- The algorithm of a signing key by its name in RFC 7518, and the part of it that may be published.
ALTER TABLE signing_keys ADD COLUMN alg text NOT NULL DEFAULT 'HS256';
ALTER TABLE signing_keys ADD COLUMN public_key bytea; -- NULL for a symmetric key

-- Who made a change, from where and why. NULL where it was not recorded. People write these, so they are bytes of UTF-8.
ALTER TABLE changes ADD COLUMN actor bytea;
ALTER TABLE changes ADD COLUMN source bytea;
ALTER TABLE changes ADD COLUMN reason bytea;
