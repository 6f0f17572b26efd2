//! An installation that moves to PostgreSQL and back.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Finished, Serve, fails, finish, is_misused, payment, tollgate};
use crate::postgres_server::Database;

#[test]
fn an_installation_moves_to_postgresql_and_back_without_a_lost_row() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    let (client_id, client_secret) = Serve::install(folder.path(), "");
    let server = Serve::start(folder.path());
    let (access, refresh) = server.api.tokens(&client_id, &client_secret);
    let created = server.api.create(&access, "key", &payment("moved")).unwrap();
    assert_eq!(created.status, 201);
    server.process.signal("TERM");
    assert_eq!(server.process.finish().code, Some(0));

    let copied = store(folder.path(), &["copy", "--to", &database.url]).succeeded().json();
    assert_eq!(rows(&copied, "clients", "rows"), 1);
    assert_eq!(rows(&copied, "documents", "rows"), 1);
    assert_eq!(rows(&copied, "idempotency_keys", "rows"), 1);
    all_the_same(&store(folder.path(), &["verify", "--to", &database.url]));
    let again = fails(&mut command(folder.path(), &["copy", "--to", &database.url]));
    assert!(again.contains("holds something already"), "{again}");

    // Whoever had a token or a key before has it still.
    Serve::write_config(folder.path(), &format!("database.url = \"{}\"", database.url));
    let server = Serve::start(folder.path());
    assert_eq!(server.api.list_all(&access).len(), 1);
    assert_eq!(server.api.refresh(&refresh).status, 200);
    assert_eq!(server.api.token(&client_id, &client_secret).status, 200);
    assert_eq!(server.api.create(&access, "key", &payment("moved")).unwrap().body, created.body);
    assert_eq!(server.api.create(&access, "other", &payment("added")).unwrap().status, 201);
    server.process.signal("TERM");
    assert_eq!(server.process.finish().code, Some(0));

    let compared = store(folder.path(), &["verify", "--to", "sqlite:tollgate.db"]);
    assert_eq!(compared.code, Some(1));
    let differ =
        "tollgate: the stores differ in secret_uses, idempotency_keys, documents, audit, installation\n";
    assert_eq!(compared.stderr, differ, "{compared:?}");
    let table = compared.json();
    assert_eq!((rows(&table, "documents", "rows"), rows(&table, "documents", "rows_there")), (2, 1));
    store(folder.path(), &["copy", "--to", "sqlite:back.db"]).succeeded();
    all_the_same(&store(folder.path(), &["verify", "--to", "sqlite:back.db"]));

    Serve::write_config(folder.path(), "database.url = \"sqlite:back.db\"");
    let server = Serve::start(folder.path());
    assert_eq!(server.api.list_all(&access).len(), 2);
    assert_eq!(server.api.create(&access, "key", &payment("moved")).unwrap().body, created.body);
}

#[test]
fn what_can_not_be_copied_says_why() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    Serve::write_config(folder.path(), &format!("database.url = \"{}\"", database.url));
    let migrated = store(folder.path(), &["migrate"]).succeeded().json();
    assert_eq!(migrated["schema"], "up to date");
    assert_eq!(database.psql("SELECT version FROM tollgate_schema"), "13");
    let said = fails(&mut command(folder.path(), &["copy", "--to", "sqlite:new.db"]));
    assert!(said.contains("holds no installation"), "{said}");
    let with_password = ["copy", "--to", "postgres://u:CANARY@127.0.0.1/d"];
    let said = is_misused(&mut command(folder.path(), &with_password));
    assert!(said.contains("--to has a password in it") && !said.contains("CANARY"), "{said}");
}

fn command(folder: &Path, args: &[&str]) -> std::process::Command {
    tollgate(folder, &[&["store"], args, &["--config", "tollgate.toml", "--format", "json"]].concat())
}

fn store(folder: &Path, args: &[&str]) -> Finished {
    finish(&mut command(folder, args))
}

fn all_the_same(compared: &Finished) {
    assert_eq!(compared.code, Some(0), "{compared:?}");
    let tables = compared.json();
    let tables = tables.as_array().unwrap();
    assert_eq!(tables.len(), 11);
    assert!(tables.iter().all(|table| table["same"] == true), "{tables:?}");
}

fn rows(tables: &Value, name: &str, column: &str) -> u64 {
    let table = tables.as_array().unwrap().iter().find(|table| table["table"] == name).unwrap();
    table[column].as_u64().unwrap()
}
