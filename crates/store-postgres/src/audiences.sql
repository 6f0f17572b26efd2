-- The audiences that a client's tokens may be for, separated by spaces. Empty: the default one alone.
ALTER TABLE clients ADD COLUMN audiences text NOT NULL DEFAULT '';
