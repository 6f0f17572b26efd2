-- Which of the processes that share the store does what only one of them should. `until` is the end of its term.
CREATE TABLE elected (
    office TEXT    NOT NULL PRIMARY KEY,
    holder BLOB    NOT NULL CHECK (length(holder) = 16),
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
