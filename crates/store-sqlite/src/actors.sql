-- The algorithm of a signing key by its name in RFC 7518, and the part of it that may be published.
ALTER TABLE signing_keys ADD COLUMN alg TEXT NOT NULL DEFAULT 'HS256';
ALTER TABLE signing_keys ADD COLUMN public_key BLOB; -- NULL for a symmetric key

-- Who made a change, from where and why. NULL where it was not recorded.
ALTER TABLE changes ADD COLUMN actor TEXT;
ALTER TABLE changes ADD COLUMN source TEXT;
ALTER TABLE changes ADD COLUMN reason TEXT;
