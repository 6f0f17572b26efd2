-- The key that secrets are hashed with, sealed; NULL while it is derived from the master key that the check value is of.
ALTER TABLE installation ADD COLUMN secrets_key BLOB;
