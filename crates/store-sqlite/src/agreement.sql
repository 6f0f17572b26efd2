-- What the servers that share the store have agreed on, one row for each time: the one that was not superseded counts.
CREATE TABLE agreement (
    seq           INTEGER PRIMARY KEY,
    terms         TEXT    NOT NULL,
    adopted_at    INTEGER NOT NULL,
    adopted_by    TEXT    NOT NULL,
    superseded_at INTEGER
) STRICT;

-- The servers that run, each of which says so again and again.
CREATE TABLE servers (
    id      BLOB    PRIMARY KEY CHECK (length(id) = 16),
    name    TEXT    NOT NULL,
    process TEXT    NOT NULL, -- tells whether it has ended, to whoever is on the same machine
    terms   TEXT    NOT NULL,
    beat_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
