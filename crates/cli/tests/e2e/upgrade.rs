//! Stores that version 0.1.0 made, opened by this one: a merchant, a client, one that was disabled, and a payment request.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Serve, finish, shell, tollgate};
use crate::postgres_server::Database;

const MADE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/upgrade");

/// What was made in a store, and the master key that it hangs on.
fn made(engine: &str, folder: &Path) -> Value {
    let made: Value = serde_json::from_slice(&fs::read(format!("{MADE}/0.1.0.json")).unwrap()).unwrap();
    let key = folder.join("master.key");
    fs::write(&key, made["master_key"].as_str().unwrap()).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    made[engine].clone()
}

/// Whoever had access has it still, whoever had none still has none, and what there was is there.
fn is_as_it_was(folder: &Path, made: &Value) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (id, secret) = (text(&made["client_id"]), text(&made["client_secret"]));
    let migrated = finish(&mut tollgate(folder, &["store", "migrate", "--config", "tollgate.toml"]));
    assert!(migrated.succeeded().stdout.contains("schema"));
    let serve = Serve::start(folder);
    let (access, refresh) = serve.api.tokens(&id, &secret);
    assert_eq!(serve.api.refresh(&refresh).status, 200);
    let kept = serve.api.list_all(&access);
    let kept = kept.iter().find(|payment| payment["id"] == made["payment_request_id"]);
    assert_eq!(kept.unwrap()["payment_reference"], "KEPT");
    let (gone, its_secret) = (text(&made["disabled"]["client_id"]), text(&made["disabled"]["client_secret"]));
    assert_eq!(serve.api.token(&gone, &its_secret).status, 401);
    let administer = |args: &[&str]| finish(&mut tollgate(folder, args)).succeeded().stdout;
    administer(&["client", "enable", &gone]);
    crate::harness::eventually("it may again", crate::harness::SEEN_WITHIN, || {
        (serve.api.token(&gone, &its_secret).status == 200).then_some(())
    });
    assert!(administer(&["merchant", "list"]).contains("Example Shop"));
    administer(&["key", "rotate"]);
}

#[test]
fn a_store_on_sqlite_of_0_1_0_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let made = made("sqlite", folder.path());
    let load = format!(
        "umask 077; python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())' \
         tollgate.db {MADE}/0.1.0-sqlite.sql"
    );
    finish(&mut shell(folder.path(), &load)).succeeded();
    Serve::write_config(folder.path(), "");
    is_as_it_was(folder.path(), &made);
}

#[test]
fn a_store_on_postgres_of_0_1_0_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let made = made("postgres", folder.path());
    let database = Database::create();
    database.psql(&fs::read_to_string(format!("{MADE}/0.1.0-postgres.sql")).unwrap());
    Serve::write_config(folder.path(), &format!("database.url = \"{}\"", database.url));
    is_as_it_was(folder.path(), &made);
}
