//! `tollgate store backup`, `check` and `rekey`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use serde_json::Value;

use crate::harness::{Dev, Finished, Serve, fails, finish, payment, tollgate, write_master_key};
use crate::postgres_server::Database;

fn store(folder: &Path, args: &[&str]) -> Finished {
    finish(&mut tollgate(folder, &[&["store"], args, &["--format", "json"]].concat()))
}

/// The parts that `store check` finds something wrong with.
fn problems(folder: &Path) -> Vec<String> {
    let checked = store(folder, &["check"]);
    let parts = checked.json();
    let wrong = parts.as_array().unwrap().iter().filter(|part| part["problem"] != Value::Null);
    let wrong: Vec<String> = wrong.map(|part| part["part"].as_str().unwrap().to_owned()).collect();
    assert_eq!(checked.code, Some(i32::from(!wrong.is_empty())), "{checked:?}");
    wrong
}

#[test]
fn a_backup_is_whole_while_the_server_writes() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), "");
    let serve = Serve::start(folder.path());
    let (access, _) = serve.api.tokens(&client_id, &client_secret);
    let acknowledged = thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut number = 0;
            while !folder.path().join("backup.db").exists() {
                let key = format!("K{number}");
                assert_eq!(serve.api.create(&access, &key, &payment(&key)).unwrap().status, 201);
                number += 1;
                if number == 20 {
                    fs::write(folder.path().join("started"), "").unwrap();
                }
            }
        });
        while !folder.path().join("started").exists() {
            thread::yield_now();
        }
        let before = serve.api.list_all(&access).len();
        let backup = store(folder.path(), &["backup", "backup.db"]).succeeded().json();
        writing.join().unwrap();
        assert_eq!(backup["checked"], true);
        before
    });
    let mode = fs::metadata(folder.path().join("backup.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let again = fails(&mut tollgate(folder.path(), &["store", "backup", "backup.db"]));
    assert!(again.contains("backup.db is there already"), "{again}");

    // The copy is tried without touching the server, as the documentation says.
    let check = finish(
        tollgate(folder.path(), &["store", "check", "--format", "json"])
            .env("TOLLGATE_DATABASE__URL", "sqlite:backup.db"),
    );
    let parts = check.succeeded().json();
    let documents = parts.as_array().unwrap().iter().find(|part| part["part"] == "documents").unwrap();
    assert!(documents["rows"].as_u64().unwrap() >= acknowledged as u64, "{documents}");
    drop(serve);

    fs::remove_file(folder.path().join("tollgate.db")).unwrap();
    for beside in ["tollgate.db-wal", "tollgate.db-shm"] {
        let _ = fs::remove_file(folder.path().join(beside));
    }
    fs::rename(folder.path().join("backup.db"), folder.path().join("tollgate.db")).unwrap();
    let serve = Serve::start(folder.path());
    assert!(serve.api.list_all(&access).len() >= acknowledged);
}

#[test]
fn a_backup_beside_the_log_of_a_killed_server_is_found_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), "");
    let mut serve = Serve::start(folder.path());
    let (access, _) = serve.api.tokens(&client_id, &client_secret);
    store(folder.path(), &["backup", "backup.db"]).succeeded();
    for number in 0..20 {
        let key = format!("K{number}");
        assert_eq!(serve.api.create(&access, &key, &payment(&key)).unwrap().status, 201);
    }
    serve.process.kill();
    assert!(folder.path().join("tollgate.db-wal").exists());
    fs::copy(folder.path().join("backup.db"), folder.path().join("tollgate.db")).unwrap();
    for args in [&["serve", "--config", "tollgate.toml"][..], &["client", "list"], &["store", "check"]] {
        let said = fails(&mut tollgate(folder.path(), args));
        assert!(said.contains("tollgate.db-wal is not the log of tollgate.db"), "{said}");
        assert!(said.contains("delete tollgate.db-wal and tollgate.db-shm"), "{said}");
    }
    for beside in ["tollgate.db-wal", "tollgate.db-shm"] {
        fs::remove_file(folder.path().join(beside)).unwrap();
    }
    let serve = Serve::start(folder.path());
    assert_eq!(serve.api.list_all(&access).len(), 0);
    assert_eq!(serve.api.token(&client_id, &client_secret).status, 200);
}

#[test]
fn a_server_that_was_killed_starts_on_its_own_log() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), "");
    for round in 0..3 {
        let mut serve = Serve::start(folder.path());
        let (access, _) = serve.api.tokens(&client_id, &client_secret);
        assert_eq!(serve.api.list_all(&access).len(), round * 30);
        for number in 0..30 {
            let key = format!("K{round}x{number}");
            assert_eq!(serve.api.create(&access, &key, &payment(&key)).unwrap().status, 201);
        }
        serve.process.kill();
    }
    assert_eq!(problems(folder.path()), [""; 0]);
}

#[test]
fn a_store_is_checked_to_the_last_row_and_key() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    assert_eq!(problems(folder.path()), [""; 0]);
    let sql = |sql: &str| {
        let script = "import sqlite3, sys; sqlite3.connect('tollgate.db').executescript(sys.argv[1])";
        let mut python = std::process::Command::new("python3");
        finish(python.current_dir(folder.path()).args(["-c", script, sql])).succeeded();
    };
    sql("UPDATE clients SET scope = '\"'; UPDATE changes SET kind = '?' WHERE seq = 1");
    assert_eq!(problems(folder.path()), ["clients", "changes"]);
    sql("UPDATE clients SET scope = 'a'; UPDATE changes SET kind = 'merchant' WHERE seq = 1");
    sql("DROP INDEX changes_by_until; UPDATE signing_keys SET sealed = x'00'");
    let key = problems(folder.path());
    assert_eq!((key.len(), key[0].as_str()), (2, "file and schema"));
    assert!(key[1].starts_with("signing key "), "{key:?}");

    fs::remove_file(folder.path().join("master.key")).unwrap();
    write_master_key(&folder.path().join("master.key"));
    assert!(problems(folder.path()).contains(&"master key".to_owned()));
}

#[test]
fn a_trail_that_was_wiped_is_found_by_the_check_as_it_is_by_the_verification() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    Serve::install(folder.path(), &format!("database.url = \"{}\"", database.url));
    assert_eq!(problems(folder.path()), [""; 0]);
    database.psql("DELETE FROM audit; UPDATE installation SET audit_seq = 0, audit_mac = NULL");
    assert_eq!(problems(folder.path()), ["audit trail"]);
    let said = fails(&mut tollgate(folder.path(), &["audit", "verify"]));
    assert!(said.contains("the trail is empty"), "{said}");
}

#[test]
fn a_store_in_postgresql_is_checked_and_backed_up_by_its_own_tools() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    Serve::install(folder.path(), &format!("database.url = \"{}\"", database.url));
    assert_eq!(problems(folder.path()), [""; 0]);
    database.psql("DROP INDEX changes_by_until");
    assert_eq!(problems(folder.path()), ["file and schema"]);
    let said = fails(&mut tollgate(folder.path(), &["store", "backup", "backup.db"]));
    assert!(said.contains("pg_dump"), "{said}");
    assert!(!folder.path().join("backup.db").exists());
}

#[test]
fn a_database_with_tables_of_another_program_is_refused_on_both_engines() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    database.psql("CREATE TABLE flyway_schema_history (version text)");
    Serve::write_config(folder.path(), &format!("database.url = \"{}\"", database.url));
    let said = fails(&mut tollgate(folder.path(), &["store", "migrate"]));
    assert!(said.contains("tables of another program (flyway_schema_history)"), "{said}");
    let script = "import os, sqlite3; os.umask(0o077); sqlite3.connect('other.db').executescript('CREATE TABLE users (id)')";
    finish(std::process::Command::new("python3").current_dir(folder.path()).args(["-c", script])).succeeded();
    let said = fails(
        tollgate(folder.path(), &["store", "migrate"]).env("TOLLGATE_DATABASE__URL", "sqlite:other.db"),
    );
    assert!(said.contains("other.db: it is a database of another program"), "{said}");
}

/// The steps of the documentation, with two servers that run all the time.
#[test]
fn another_master_key_takes_over_while_servers_run() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), "");
    write_master_key(&folder.path().join("new.key"));
    let config = fs::read_to_string(folder.path().join("tollgate.toml")).unwrap();
    let with = |keys: &str| {
        fs::write(folder.path().join("tollgate.toml"), config.replace(r#""file:master.key""#, keys)).unwrap();
    };
    let old = Serve::start(folder.path());
    let (access, refresh) = old.api.tokens(&client_id, &client_secret);
    with(r#"["file:new.key", "file:master.key"]"#);
    let both = Serve::start(folder.path());
    assert_eq!(both.api.list(&access, "").status, 200);
    old.process.signal("TERM");
    assert_eq!(old.process.finish().code, Some(0));
    let resealed = store(folder.path(), &["rekey"]).succeeded();
    assert_eq!((&resealed.json()["changed"], &resealed.json()["signing_keys"]), (&true.into(), &1.into()));
    assert!(resealed.notes.contains("1 servers run on this store"), "{resealed:?}");
    assert_eq!(store(folder.path(), &["rekey"]).succeeded().json()["changed"], false);
    for serve in [&both, &Serve::start(folder.path())] {
        assert_eq!(serve.api.token(&client_id, &client_secret).status, 200);
        assert_eq!(serve.api.list(&access, "").status, 200);
    }

    with(r#""file:new.key""#);
    fs::remove_file(folder.path().join("master.key")).unwrap();
    assert_eq!(problems(folder.path()), [""; 0]);
    let new = Serve::start(folder.path());
    assert_eq!(new.api.token(&client_id, &client_secret).status, 200, "no merchant needs a new secret");
    assert_eq!(new.api.list(&access, "").status, 200);
    assert_eq!(new.api.refresh(&refresh).status, 200);
    drop(both);
}

#[test]
fn the_master_key_of_a_dev_folder_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join(".tollgate");
    let dev = Dev::start(&data);
    let (access, _) = dev.tokens();
    drop(dev);
    write_master_key(&folder.path().join("new.key"));
    let keys = "file:new.key,file:.tollgate/master.key";
    let rekey = ["store", "rekey", "--data", ".tollgate"];
    finish(tollgate(folder.path(), &rekey).env("TOLLGATE_MASTER_KEY", keys)).succeeded();
    fs::rename(folder.path().join("new.key"), data.join("master.key")).unwrap();
    let dev = Dev::start(&data);
    assert_eq!(dev.api.token(dev.client_id(), dev.client_secret()).status, 200);
    assert_eq!(dev.api.list(&access, "").status, 200, "tokens stay good");
}
