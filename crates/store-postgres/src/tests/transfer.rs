//! Tests of the transfer to PostgreSQL and back.

use std::time::Duration;

use tokio::sync::mpsc;
use tollgate_store::{Idempotency, Part, Status, Store, Table};
use tollgate_store_sqlite::Sqlite;

use super::server::Database;
use super::{NOW, SYSTEM, answer, client, document, lease, merchant, open, revocation};

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_to_postgresql_and_back_comes_back_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (origin, returned) =
        (Sqlite::open(&folder.path().join("a")).unwrap(), Sqlite::open(&folder.path().join("b")).unwrap());
    let database = Database::create();
    let postgres = open(&database.url).await;
    fill(&origin).await;

    copy(&origin, &postgres).await;
    copy(&postgres, &returned).await;
    let parts = exported(&origin).await;
    assert!(parts.len() > Table::ALL.len());
    assert_eq!(exported(&postgres).await, parts);
    assert_eq!(exported(&returned).await, parts);

    // The idempotency keys go on counting, and expire.
    let until = NOW.after(Duration::from_secs(60 * 60));
    let scope = lease(1, 1, until).scope;
    assert!(postgres.is_taken(&scope, NOW).await.unwrap());
    assert!(!postgres.is_taken(&scope, until).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_and_column_is_exported() {
    let database = Database::create();
    drop(open(&database.url).await);
    // The leaders, the running servers and the time that has passed concern only the processes on this engine.
    let tables = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
                  AND relnamespace = 'public'::regnamespace
                  AND relname NOT IN ('tollgate_schema', 'elected', 'servers', 'time_passed')";
    assert_eq!(database.psql(tables), Table::ALL.len().to_string());
    for table in Table::ALL {
        // The id of the installation is always 1; marks, and when a key was taken, are internal to this engine.
        let columns = database.psql(&format!(
            "SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name = '{table}'
                 AND NOT (table_name = 'installation' AND column_name = 'id')
                 AND column_name NOT IN ('taken_at', 'mark', 'purged_mark')",
            table = table.name()
        ));
        assert_eq!(columns, table.column_names(), "{table:?}");
    }
}

async fn fill(store: &dyn Store) {
    for number in 1..700 {
        store.create_merchant(&merchant(number), &SYSTEM).await.unwrap();
        store.create_client(&client(number), &SYSTEM).await.unwrap();
        store.revoke(&revocation(number), NOW, &SYSTEM).await.unwrap();
    }
    store.set_merchant_status(merchant(1).id, Status::Disabled, NOW, &SYSTEM).await.unwrap();
    let until = NOW.after(Duration::from_secs(60 * 60));
    for number in 1..3 {
        let mine = lease(number, number, until);
        store.begin(&mine, NOW).await.unwrap();
        let created = store.complete(&mine, &answer(until), &document(number)).await;
        assert!(created.unwrap());
    }
    store.begin(&lease(9, 9, until), NOW).await.unwrap();
}

async fn copy(from: &dyn Store, to: &dyn Store) {
    let (sender, receiver) = mpsc::channel(2);
    let (exported, imported) = tokio::join!(from.export(sender), to.import(receiver));
    exported.unwrap();
    assert!(imported.unwrap());
}

async fn exported(store: &dyn Store) -> Vec<Part> {
    let (sender, mut receiver) = mpsc::channel(2);
    let mut parts = Vec::new();
    let take = async {
        while let Some(part) = receiver.recv().await {
            parts.push(part);
        }
    };
    let (exported, ()) = tokio::join!(store.export(sender), take);
    exported.unwrap();
    parts
}
