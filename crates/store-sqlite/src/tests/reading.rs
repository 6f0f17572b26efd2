//! Tests of a store that is opened for reading only, and of the check of a store.

use std::fs;
use std::path::Path;

use tollgate_store::{Integrity, Merchants, Revocations, StoreError};

use super::{Fixture, NOW, SYSTEM, beside, fixture, merchant, raw};
use crate::Sqlite;

/// Returns the names of the files in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn reading_makes_nothing_changes_nothing_and_leaves_nothing() {
    let Fixture { store, path, _folder: folder } = fixture();
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    drop(store);
    let before = (fs::read(&path).unwrap(), names(folder.path()));
    let reading = Sqlite::open_to_read(&path).unwrap();
    assert_eq!(reading.merchants(None, 10).await.unwrap(), [merchant(1)]);
    let refused = reading.create_merchant(&merchant(2), &SYSTEM).await;
    assert!(matches!(refused, Err(StoreError::Misconfigured(_))), "{refused:?}");
    drop(reading);
    assert_eq!((fs::read(&path).unwrap(), names(folder.path())), before);

    let missing = Sqlite::open_to_read(&folder.path().join("typo.db"));
    assert!(matches!(missing.err(), Some(StoreError::Misconfigured(text)) if text.contains("typo.db")));
    assert_eq!(names(folder.path()), before.1);
}

#[test]
fn threads_that_end_together_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.db");
    drop(Sqlite::open(&path).unwrap());
    for _ in 0..1000 {
        drop(Sqlite::open_to_read(&path).unwrap());
        assert_eq!(names(folder.path()), ["tollgate.db"]);
    }
}

#[tokio::test]
async fn reading_sees_what_a_server_writes_meanwhile() {
    let fixture = fixture();
    let reading = Sqlite::open_to_read(&fixture.path).unwrap();
    fixture.store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    assert_eq!(reading.merchants(None, 10).await.unwrap().len(), 1);
    drop(reading);
    fixture.store.create_merchant(&merchant(2), &SYSTEM).await.unwrap();
    assert_eq!(fixture.store.revocations(NOW).await.unwrap(), []);
}

#[test]
fn a_schema_of_an_earlier_version_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.db");
    let connection = raw(&path);
    connection.execute_batch(include_str!("../schema.sql")).unwrap();
    connection.pragma_update(None, "application_id", 0x5447_5354).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let refused = Sqlite::open_to_read(&path).err();
    let text = "its schema has version 1, and 12 is needed";
    assert!(matches!(&refused, Some(StoreError::Misconfigured(said)) if said.contains(text)), "{refused:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn what_is_wrong_with_the_file_and_the_schema_is_listed() {
    let Fixture { store, path, _folder: folder } = fixture();
    assert_eq!(store.damage().await.unwrap(), Vec::<String>::new());
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    drop(store);
    raw(&path)
        .execute_batch(
            "DROP INDEX clients_by_merchant; CREATE VIEW report AS SELECT name FROM merchants;
             DROP INDEX changes_by_until; CREATE INDEX changes_by_until ON changes (kind);
             PRAGMA foreign_keys = OFF;
             INSERT INTO secrets VALUES (x'00000009000000000000000000000000',
                 x'00000001000000000000000000000000', zeroblob(32), 0, NULL, NULL, NULL)",
        )
        .unwrap();
    let damage = Sqlite::open_to_read(&path).unwrap().damage().await.unwrap();
    assert_eq!(
        damage,
        [
            "1 rows of secrets refer to rows of clients that are not there",
            "index clients_by_merchant is missing from the schema",
            "index changes_by_until has another form in the schema",
            "view report is in the schema, and not Tollgate's",
        ]
    );
    drop(folder);
}

#[tokio::test]
async fn a_page_that_was_written_over_is_found() {
    let Fixture { store, path, _folder } = fixture();
    for number in 0..300 {
        store.create_merchant(&merchant(number), &SYSTEM).await.unwrap();
    }
    drop(store);
    assert!(!beside(&path, "-wal").exists());
    let mut content = fs::read(&path).unwrap();
    let page: usize = raw(&path)
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'changes_by_until'", [], |row| row.get(0))
        .unwrap();
    // A cell of the index points elsewhere.
    content[(page - 1) * 4096 + 20] ^= 0x55;
    fs::write(&path, content).unwrap();
    let damage = Sqlite::open_to_read(&path).unwrap().damage().await;
    assert!(!matches!(&damage, Ok(found) if found.is_empty()), "{damage:?}");
}
