-- What the servers that share the store have agreed on, one row for each time: the one that was not superseded counts.
CREATE TABLE agreement (
    seq           bigint PRIMARY KEY,
    terms         text   NOT NULL,
    adopted_at    bigint NOT NULL,
    adopted_by    text   NOT NULL,
    superseded_at bigint
);

-- The servers that run, each of which says so again and again.
CREATE TABLE servers (
    id      uuid   PRIMARY KEY,
    name    text   NOT NULL,
    process text   NOT NULL, -- tells whether it has ended, to whoever is on the same machine
    terms   text   NOT NULL,
    beat_at bigint NOT NULL
);
