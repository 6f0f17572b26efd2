//! Tests of first starts, and of schemas of other versions.

use std::time::Duration;

use tollgate_core::{Algorithm, ClientId, Environment, Generation, Revoked, Timestamp, TokenId};
use tollgate_store::{
    Agreements, Begun, ChangeLog, Changed, Clients, Document, Documents, Idempotency, Installation,
    Integrity, Keys, LeaderLease, Merchants, Position, Purge, Revocations, Servers, StoreError, Time,
};

use super::server::Database;
use super::{
    KIND, NOW, SYSTEM, answer, document, lease, merchant, open, options, take_a_step_that_only_adds,
};
use crate::Postgres;
use crate::integrity::RELATIONS;

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
        start.await.unwrap().unwrap().create_merchant(&merchant(number), &SYSTEM).await.unwrap();
    }
    assert_eq!(open(&database.url).await.merchants(None, 100).await.unwrap().len(), 10);
    assert_eq!(database.psql("SELECT version, oldest FROM tollgate_schema"), "13|12");
}

/// Simulates a mistyped name of a database that exists.
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
    let running = open(&database.url).await;
    take_a_step_that_only_adds(&database);
    running.schema().await.unwrap().check().unwrap();
    assert!(running.schema().await.unwrap().check_whole().is_err());
    open(&database.url).await.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    let reading = Postgres::open_to_read(options(&database.url)).await.unwrap();
    assert_eq!(reading.damage().await.unwrap(), Vec::<String>::new());
    database.psql("UPDATE tollgate_schema SET oldest = 14");
    let refused = Postgres::open(options(&database.url)).await.err();
    assert!(matches!(refused, Some(StoreError::Newer { found: 14, known: 13 })), "{refused:?}");
    let refused = running.schema().await.unwrap().check();
    assert!(matches!(refused, Err(StoreError::Newer { found: 14, known: 13 })), "{refused:?}");
    database.psql("UPDATE tollgate_schema SET oldest = 13");
    running.schema().await.unwrap().check().unwrap();
}

/// Simulates a command that only shows something.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_reads_changes_no_schema() {
    let database = Database::create();
    let reading = async || Postgres::open_to_read(options(&database.url)).await.err();
    let says = |refused: Option<StoreError>, what: &str| {
        assert!(
            matches!(&refused, Some(StoreError::Misconfigured(text)) if text.contains(what)),
            "{refused:?}"
        );
    };
    says(reading().await, "no tables of Tollgate");
    assert_eq!(database.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    earlier(&database, 3);
    says(reading().await, "the schema has version 3, and 13 is needed");
    assert_eq!(database.psql("SELECT version FROM tollgate_schema"), "3");
    drop(open(&database.url).await);
    let store = Postgres::open_to_read(options(&database.url)).await.unwrap();
    assert_eq!(store.damage().await.unwrap(), Vec::<String>::new());
    database.psql("DROP INDEX changes_by_until");
    assert_eq!(store.damage().await.unwrap(), ["changes_by_until is missing from the schema"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_and_every_index_of_the_schema_is_looked_for() {
    let database = Database::create();
    drop(open(&database.url).await);
    let made = "SELECT relname FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') ORDER BY relname";
    let known: Vec<&str> = RELATIONS.split_ascii_whitespace().collect();
    assert_eq!(database.psql(made).lines().collect::<Vec<_>>(), known);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_tables_of_another_program_is_refused_and_left_alone() {
    for table in ["users (id integer)", "flyway_schema_history (version text)", "tollgate_notes (t text)"] {
        let database = Database::create();
        database.psql(&format!("CREATE TABLE {table}"));
        let refused = Postgres::open(options(&database.url)).await.err();
        let name = table.split(' ').next().unwrap();
        assert!(
            matches!(&refused, Some(StoreError::Misconfigured(text)) if text.contains(name)),
            "{refused:?}"
        );
        assert_eq!(database.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "1");
    }
    let database = Database::create();
    database.psql("CREATE VIEW report AS SELECT 1");
    assert!(matches!(Postgres::open(options(&database.url)).await.err(), Some(StoreError::Misconfigured(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_extension_has_made_is_no_other_program() {
    let database = Database::create();
    database.psql("CREATE EXTENSION pg_stat_statements");
    drop(open(&database.url).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_can_not_be_used_says_why() {
    let database = Database::create();
    database.psql(
        "DO $$ BEGIN CREATE ROLE newcomer LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
         REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    );
    let opened = async |url: String| Postgres::open(options(&url)).await.err();
    let join = if database.url.contains('?') { '&' } else { '?' };
    let no_schema = format!("{}{join}options=-c%20search_path%3Dnone", database.url);
    let refused = opened(no_schema).await;
    assert!(
        matches!(&refused, Some(StoreError::Misconfigured(text)) if text.contains("search_path names")),
        "{refused:?}"
    );
    let newcomer = format!("{}{join}options=-c%20role%3Dnewcomer", database.url);
    let refused = opened(newcomer).await;
    assert!(
        matches!(&refused, Some(StoreError::Misconfigured(text)) if text.contains("GRANT CREATE")),
        "{refused:?}"
    );
}

/// Creates the schema as an earlier version had it.
fn earlier(database: &Database, version: usize) {
    const STEPS: [&str; 3] =
        [include_str!("../schema.sql"), include_str!("../elected.sql"), include_str!("../marks.sql")];
    STEPS[..version].iter().for_each(|step| drop(database.psql(step)));
    database.psql(&format!(
        "CREATE TABLE tollgate_schema (id integer PRIMARY KEY, version integer NOT NULL, oldest integer NOT NULL);
         INSERT INTO tollgate_schema VALUES (1, {version}, 1)"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_an_earlier_version_gets_what_it_lacks_and_keeps_what_it_holds() {
    for version in 1..=3 {
        let database = Database::create();
        earlier(&database, version);
        database.psql(
            "INSERT INTO merchants VALUES ('00000001-0000-0000-0000-000000000000', 'Shop', false, 0, 0);
             INSERT INTO signing_keys VALUES ('00000001-0000-0000-0000-000000000000', '\\x07', 0, 0, NULL)",
        );
        let store = open(&database.url).await;
        let lease = LeaderLease { task: "keys", holder: [1; 16], until: NOW };
        assert!(store.lead(&lease, NOW).await.unwrap());
        assert_eq!(store.merchant(merchant(1).id).await.unwrap().unwrap().name, "Shop");
        let key = store.signing_keys().await.unwrap().remove(0);
        assert_eq!((key.algorithm, key.public_key, key.sealed), (Algorithm::Hs256, None, vec![7]));
        assert_eq!(database.psql("SELECT version, oldest FROM tollgate_schema"), "13|12");
    }
}

/// While servers are upgraded one by one, servers of the version before go on writing.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_without_algorithms_and_actors_adds_gets_the_defaults() {
    let database = Database::create();
    let store = open(&database.url).await;
    database.psql(
        "INSERT INTO signing_keys (id, sealed, created_at, activates_at, retires_at)
         VALUES ('00000001-0000-0000-0000-000000000000', '\\x07', 0, 0, NULL);
         UPDATE installation SET last_change = 1;
         INSERT INTO changes (seq, kind, id, generation, until)
         VALUES (1, 'signing keys', NULL, NULL, 9000000000000)",
    );
    let key = store.signing_keys().await.unwrap().remove(0);
    assert_eq!((key.algorithm, key.public_key), (Algorithm::Hs256, None));
    let changes = store.changes_since(Position::START, 10).await.unwrap().unwrap();
    assert_eq!(changes.iter().map(|change| change.what).collect::<Vec<_>>(), [Changed::SigningKeys]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_ended_by_its_time_stays_ended_by_its_generation() {
    let database = Database::create();
    earlier(&database, 3);
    database.psql(
        "UPDATE installation SET check_value = '\\x00';
         INSERT INTO clients VALUES
             ('00000001-0000-0000-0000-000000000000', NULL, 'disabled', 'test', 'a', '', true, 7000, 0);
         INSERT INTO changes (seq, kind, id, issued_until, until) VALUES
             (1, 'client', '00000001-0000-0000-0000-000000000000', NULL, 9000),
             (2, 'client revoked', '00000001-0000-0000-0000-000000000000', 7000, 9000),
             (3, 'client revoked', '00000009-0000-0000-0000-000000000000', 9000, 9000),
             (4, 'token revoked', '00000001-0000-0000-0000-000000000000', 9000, 9000)",
    );
    let store = open(&database.url).await;
    let mut subjects: Vec<_> = store
        .revocations(Timestamp::from_millis(0))
        .await
        .unwrap()
        .into_iter()
        .map(|revocation| revocation.subject)
        .collect();
    let (second, id) = (Generation::FIRST.next(), |number| ClientId::from_bytes(super::bytes(number)));
    for expected in [
        Revoked::Client(id(1), second),
        Revoked::Client(id(9), Generation::END),
        Revoked::Token(TokenId::from_bytes(super::bytes(1))),
    ] {
        let at = subjects.iter().position(|subject| *subject == expected).expect("it is still revoked");
        subjects.swap_remove(at);
    }
    assert_eq!(subjects, []);
    assert_eq!(store.client(id(1)).await.unwrap().unwrap().generation, second);
    // No server has said yet how long its tokens live.
    let longest = store.longest_lifetime(Duration::ZERO).await.unwrap();
    assert_eq!(longest, Duration::from_secs(30 * 24 * 3600 + 3600));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_from_before_they_were_marked_are_followed_like_others() {
    let database = Database::create();
    earlier(&database, 2);
    database.psql(
        "INSERT INTO changes (seq, kind, id, issued_until, until) VALUES
             (1, 'token revoked', '00000001-0000-0000-0000-000000000000', 9000, 9000),
             (2, 'token revoked', '00000002-0000-0000-0000-000000000000', 9000, 9000);
         UPDATE installation SET last_change = 2",
    );
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
        matches!(&refused, Some(StoreError::Misconfigured(text)) if text.contains("another program (clients)")),
        "{refused:?}"
    );
    assert_eq!(database.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "1");
}

/// A role that serves need not be able to change the schema.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_to_the_schema_uses_what_another_has_made() {
    let database = Database::create();
    let role = format!("serves_{}", database.url.rsplit('/').next().unwrap());
    database.psql(&format!("CREATE ROLE {role} LOGIN"));
    let served = database.url.replace("postgres://postgres@", &format!("postgres://{role}@"));
    let refused = Postgres::open(options(&served)).await.err();
    assert!(
        matches!(&refused, Some(StoreError::Misconfigured(text)) if text.contains("42501")),
        "{refused:?}"
    );
    drop(open(&database.url).await);
    database.psql(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"));
    let store = open(&served).await;
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    assert_eq!(store.purge(super::NOW).await.unwrap(), 0);
    database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// Uses the schema from before keys had one row each, with rows of keys in two of its partitions.
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
    // A holder of a key from before the upgrade completes it.
    let kept = answer(until.after(std::time::Duration::from_secs(60)));
    assert!(store.complete(&lease(2, 3, until), &kept, &document(1)).await.unwrap());
    // The role has the same rights to new tables as to the others.
    assert_eq!(store.agreements().await.unwrap(), []);
    assert_eq!(store.time_passed().await.unwrap(), None);
    drop(store);
    database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// Checks that the payment requests of an earlier version are documents now, for every role that had a right to them.
#[tokio::test(flavor = "multi_thread")]
async fn payment_requests_become_documents_that_can_be_decided() {
    let database = Database::create();
    earlier(&database, 3);
    let role = format!("serves_{}", database.url.rsplit('/').next().unwrap());
    database.psql(&format!(
        "CREATE ROLE {role} LOGIN;
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
         INSERT INTO payment_requests
             (id, merchant_id, environment, details, status, created_at, expires_at, decided_at)
         VALUES
             ('00000001-0000-0000-0000-000000000000', '00000001-0000-0000-0000-000000000000', 'test', '{{}}',
                 'pending', 1764000000000, 1764000060000, NULL),
             ('00000002-0000-0000-0000-000000000000', '00000001-0000-0000-0000-000000000000', 'test', '{{}}',
                 'declined', 1763999999000, 1764000060000, 1764000000000)"
    ));
    drop(open(&database.url).await);
    let store = open(&database.url.replace("postgres://postgres@", &format!("postgres://{role}@"))).await;
    let declined = Document {
        state: "declined".to_owned(),
        created_at: NOW.before(Duration::from_secs(1)),
        changed_at: Some(NOW),
        ..document(2)
    };
    let found = store.documents(KIND, merchant(1).id, Environment::Test, None, 10).await.unwrap();
    assert_eq!(found, [document(1), declined]);
    let changed = store.change_document(KIND, document(1).id, "pending", "of our own", NOW).await.unwrap();
    assert_eq!(changed.unwrap().state, "of our own");
    store.add_document(&document(3)).await.unwrap();
    drop(store);
    database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
