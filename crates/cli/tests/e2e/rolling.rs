//! Servers of two versions on one store: a step of the schema that only adds stops nobody.

use std::path::Path;

use crate::callers::Callers;
use crate::harness::{PATIENCE, Serve, eventually, finish, shell};
use crate::postgres_server::Database;

/// The version of the schema that a newer program will have, on each engine.
const NEXT_ON_SQLITE: u32 = 13;
const NEXT_ON_POSTGRES: u32 = 14;

/// What a newer program does to a store that servers of this version have open: `add` takes a step that only adds, `require` says
/// which version of the schema programs must know at least.
struct Newer<'a> {
    add: &'a dyn Fn(),
    require: &'a dyn Fn(u32),
    next: u32,
}

fn goes_on_beside(folder: &Path, (id, secret): &(String, String), newer: &Newer<'_>) {
    let running = Serve::start(folder);
    let callers = Callers::start(running.api, id, secret);
    callers.call_on(5);
    (newer.add)();
    callers.call_on(5);
    // As when the machine is restarted before its turn has come.
    let started = Serve::start(folder);
    assert_eq!(started.api.token(id, secret).status, 200);
    callers.call_on(5);
    callers.all_were_answered();

    (newer.require)(newer.next);
    let says =
        format!("the store has schema version {}, this version knows up to {}", newer.next, newer.next - 1);
    for server in [&running, &started] {
        eventually("a server that is too old is not ready", PATIENCE, || {
            let answer = server.admin.get("/readyz");
            (answer.status == 503 && answer.body.contains(&says)).then_some(())
        });
        assert_eq!(server.api.token(id, secret).status, 503);
    }
    (newer.require)(newer.next - 1);
    eventually("it goes on", PATIENCE, || (running.api.token(id, secret).status == 200).then_some(()));
}

#[test]
fn on_sqlite_a_server_goes_on_beside_a_newer_one_until_that_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let client = Serve::install(folder.path(), "");
    let sqlite = |sql: &str| {
        let script = format!(
            "python3 -c 'import sqlite3, sys; sqlite3.connect(\"tollgate.db\", timeout=30).executescript(sys.argv[1])' \"{sql}\""
        );
        finish(&mut shell(folder.path(), &script)).succeeded();
    };
    let newer = Newer {
        add: &|| {
            sqlite(&format!(
                "BEGIN IMMEDIATE; ALTER TABLE clients ADD COLUMN added INTEGER NOT NULL DEFAULT 7;
                 CREATE TABLE added (id INTEGER PRIMARY KEY) STRICT; PRAGMA user_version = {NEXT_ON_SQLITE}; COMMIT"
            ));
        },
        require: &|oldest| sqlite(&format!("UPDATE tollgate_schema SET oldest = {oldest}")),
        next: NEXT_ON_SQLITE,
    };
    goes_on_beside(folder.path(), &client, &newer);
}

#[test]
fn on_postgres_a_server_goes_on_beside_a_newer_one_until_that_says_otherwise() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    let client = Serve::install(folder.path(), &format!("database.url = \"{}\"", database.url));
    let newer = Newer {
        add: &|| {
            database.psql(&format!(
                "BEGIN; ALTER TABLE clients ADD COLUMN added integer NOT NULL DEFAULT 7;
                 CREATE TABLE added (id integer PRIMARY KEY);
                 UPDATE tollgate_schema SET version = {NEXT_ON_POSTGRES}; COMMIT"
            ));
        },
        require: &|oldest| drop(database.psql(&format!("UPDATE tollgate_schema SET oldest = {oldest}"))),
        next: NEXT_ON_POSTGRES,
    };
    goes_on_beside(folder.path(), &client, &newer);
}
