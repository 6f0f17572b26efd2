-- How many steps of the schema a program must know at least to work with it: an older program goes on beside a newer one whose
-- steps only add.
CREATE TABLE tollgate_schema (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    oldest INTEGER NOT NULL
) STRICT;

INSERT INTO tollgate_schema (id, oldest) VALUES (1, 0);
