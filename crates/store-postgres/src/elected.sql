-- Which of the processes that share the store does what only one of them should. `until` is the end of its term.
CREATE TABLE elected (
    office text   PRIMARY KEY,
    holder uuid   NOT NULL,
    until  bigint NOT NULL
);
