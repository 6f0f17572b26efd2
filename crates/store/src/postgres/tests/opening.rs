//! First starts, and schemas of other versions.

use super::server::Database;
use super::{NOW, merchant, open, options, revocation};
use crate::{Candidacy, Position, Postgres, Store, StoreError};

#[tokio::test(flavor = "multi_thread")]
async fn ten_processes_may_start_at_once_on_an_empty_database() {
    let database = Database::create();
    let starts: Vec<_> = (0..10)
        .map(|_| {
            let options = options(&database.url);
            tokio::spawn(async move { Postgres::open(options).await })
        })
        .collect();
    for (number, start) in (0..).zip(starts) {
        start.await.unwrap().unwrap().create_merchant(&merchant(number)).await.unwrap();
    }
    assert_eq!(open(&database.url).await.merchants(None, 100).await.unwrap().len(), 10);
    assert_eq!(database.psql("SELECT version, oldest FROM tollgate_schema"), "4|1");
}

/// A mistyped name of a database that exists.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_tables_is_no_store_until_somebody_makes_it_one() {
    let database = Database::create();
    let refused = Postgres::open_existing(options(&database.url)).await.err();
    assert!(
        matches!(&refused, Some(StoreError::Misconfigured(text)) if text.contains("store migrate")),
        "{refused:?}"
    );
    assert_eq!(database.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    drop(open(&database.url).await);
    assert!(Postgres::open_existing(options(&database.url)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_used_as_long_as_it_only_adds() {
    let database = Database::create();
    drop(open(&database.url).await);
    database.psql("UPDATE tollgate_schema SET version = 9");
    open(&database.url).await.create_merchant(&merchant(1)).await.unwrap();
    database.psql("UPDATE tollgate_schema SET oldest = 9");
    let refused = Postgres::open(options(&database.url)).await.err();
    assert!(matches!(refused, Some(StoreError::Newer { found: 9, known: 4 })), "{refused:?}");
}

/// Takes the steps of the schema from the third on back.
const UNMARKED: &str =
    "DROP TABLE agreement, servers; ALTER TABLE changes DROP COLUMN mark; ALTER TABLE installation DROP COLUMN purged_mark;
    UPDATE tollgate_schema SET version = 2";

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_an_earlier_version_gets_what_it_lacks_and_keeps_what_it_holds() {
    let database = Database::create();
    open(&database.url).await.create_merchant(&merchant(1)).await.unwrap();
    database.psql(UNMARKED);
    database.psql("DROP TABLE elected; UPDATE tollgate_schema SET version = 1");
    let store = open(&database.url).await;
    let candidacy = Candidacy { office: "keys", holder: [1; 16], until: NOW };
    assert!(store.elect(&candidacy, NOW).await.unwrap());
    assert!(store.merchant(merchant(1).id).await.unwrap().is_some());
    assert_eq!(database.psql("SELECT version FROM tollgate_schema"), "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_from_before_they_were_marked_are_followed_like_others() {
    let database = Database::create();
    let store = open(&database.url).await;
    store.revoke(&revocation(1), NOW).await.unwrap();
    store.revoke(&revocation(2), NOW).await.unwrap();
    drop(store);
    database.psql(UNMARKED);
    let store = open(&database.url).await;
    let changes = store.changes_since(Position::START, 10).await.unwrap().unwrap();
    assert_eq!(changes.iter().map(|change| change.position.seq).collect::<Vec<_>>(), [1, 2]);
    assert_ne!(changes[0].position.mark, changes[1].position.mark);
    assert_eq!(store.last_change().await.unwrap(), changes[1].position);
    assert_eq!(store.changes_since(changes[0].position, 10).await.unwrap().unwrap(), changes[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_another_program_are_left_alone() {
    let database = Database::create();
    database.psql("CREATE TABLE clients (id text)");
    let refused = Postgres::open(options(&database.url)).await.err();
    assert!(
        matches!(&refused, Some(StoreError::Unavailable(text)) if text.contains("another program")),
        "{refused:?}"
    );
    assert_eq!(database.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "1");
}

/// Whoever serves need not be able to change the schema.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_to_the_schema_uses_what_another_has_made() {
    let database = Database::create();
    let role = format!("serves_{}", database.url.rsplit('/').next().unwrap());
    database.psql(&format!("CREATE ROLE {role} LOGIN"));
    let served = database.url.replace("postgres://postgres@", &format!("postgres://{role}@"));
    let refused = Postgres::open(options(&served)).await.err();
    assert!(matches!(&refused, Some(StoreError::Unavailable(text)) if text.contains("42501")), "{refused:?}");
    drop(open(&database.url).await);
    database.psql(&format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    let store = open(&served).await;
    store.create_merchant(&merchant(1)).await.unwrap();
    assert_eq!(store.purge(super::NOW).await.unwrap(), 0);
    database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
