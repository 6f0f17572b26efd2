//! First starts, and schemas of other versions.

use super::server::Database;
use super::{NOW, answer, lease, merchant, open, options, payment, revocation};
use crate::{Begun, Candidacy, Position, Postgres, Store, StoreError};

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
    assert_eq!(database.psql("SELECT version, oldest FROM tollgate_schema"), "4|4");
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

/// Takes the steps of the schema from the third on back, as far as they are in its way.
const UNMARKED: &str =
    "ALTER TABLE changes DROP COLUMN mark; ALTER TABLE installation DROP COLUMN purged_mark;
    UPDATE tollgate_schema SET version = 2, oldest = 1";

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
    database.psql(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"));
    let store = open(&served).await;
    store.create_merchant(&merchant(1)).await.unwrap();
    assert_eq!(store.purge(super::NOW).await.unwrap(), 0);
    database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// The schema as the version before keys had one row left it, with rows of keys in two of its partitions.
#[tokio::test(flavor = "multi_thread")]
async fn keys_move_to_one_row_each_and_go_on_counting() {
    let database = Database::create();
    for step in [include_str!("../schema.sql"), include_str!("../elected.sql"), include_str!("../marks.sql")]
    {
        database.psql(step);
    }
    let role = format!("serves_{}", database.url.rsplit('/').next().unwrap());
    database.psql(&format!(
        "CREATE TABLE tollgate_schema (id integer PRIMARY KEY, version integer NOT NULL, oldest integer NOT NULL);
         INSERT INTO tollgate_schema VALUES (1, 3, 1);
         CREATE ROLE {role} LOGIN;
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};"
    ));
    let until = NOW.after(std::time::Duration::from_secs(60));
    // Key 1 was answered, and taken again later; key 2 is in flight in two partitions; key 3 is answered.
    for (key, generation, owner, seconds, status) in [
        (1, 0, 1, 60, "201"),
        (1, 1, 2, 90, "NULL"),
        (2, 2, 3, 60, "NULL"),
        (2, 3, 4, 30, "NULL"),
        (3, 3, 5, 60, "201"),
    ] {
        let merchant = uuid::Uuid::from_bytes(*merchant(1).id.as_bytes());
        let owner = uuid::Uuid::from_bytes(super::bytes(owner));
        let body = if status == "NULL" { "NULL" } else { "'{}'" };
        let until = NOW.millis() + seconds * 1000;
        database.psql(&format!(
            "INSERT INTO idempotency_keys
                 (merchant_id, environment, route, key, generation, owner, fingerprint, until, status, body)
             VALUES ('{merchant}', 'test', 'POST /', '{key}', {generation}, '{owner}',
                 decode(repeat('03', 32), 'hex'), {until}, {status}, {body})"
        ));
    }
    drop(open(&database.url).await);
    let store = open(&database.url.replace("postgres://postgres@", &format!("postgres://{role}@"))).await;
    for key in [1, 3] {
        let begun = store.begin(&lease(key, 9, until), NOW).await.unwrap();
        assert_eq!(begun, Begun::Answered(answer(until)), "{key}");
    }
    assert_eq!(store.begin(&lease(2, 9, until), NOW).await.unwrap(), Begun::InProgress { until });
    assert_eq!(database.psql("SELECT count(*) FROM idempotency_keys"), "3");
    // Who holds a key from before completes it.
    let kept = answer(until.after(std::time::Duration::from_secs(60)));
    assert!(store.create_payment_request(&payment(1), Some((&lease(2, 3, until), &kept))).await.unwrap());
    drop(store);
    database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
