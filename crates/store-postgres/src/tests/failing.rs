//! Tests of servers, connections and statements that fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use tollgate_core::Timestamp;
use tollgate_store::{Begun, ChangeLog, Documents, Idempotency, Merchants, Revocations, StoreError};

use super::server::{Database, Server};
use super::{
    KIND, NOW, SYSTEM, answer, document, lease, merchant, open, open_with, options, revocation, session,
    until_waiting,
};
use crate::Postgres;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_survives_a_crash_of_the_server() {
    const WRITERS: u32 = 4;
    let server = Arc::new(Server::start("-c listen_addresses=", |_| {}));
    let database = server.database();
    let store = Arc::new(open(&database.url).await);
    let crashed = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(create_until_it_fails(Arc::clone(&store), Arc::clone(&crashed), writer)))
        .collect();
    for writer in 0..WRITERS {
        // Wait until each writer has had an answer.
        let id = document(writer * 1_000_000).id;
        while store.document(KIND, id).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    }
    crashed.store(true, SeqCst);
    let restarted = Arc::clone(&server);
    tokio::task::spawn_blocking(move || restarted.crash_and_restart()).await.unwrap();
    for (writer, task) in (0..).zip(writers) {
        let failed = task.await.unwrap();
        let until = until();
        // The same store, which was not opened again.
        for number in writer * 1_000_000..failed {
            assert_eq!(store.document(KIND, document(number).id).await.unwrap(), Some(document(number)));
            let repeated = store.begin(&lease(number, 9, until), NOW).await.unwrap();
            assert_eq!(repeated, Begun::Answered(answer(until)), "{number}");
        }
        // Either both are kept or neither.
        let kept = store.document(KIND, document(failed).id).await.unwrap().is_some();
        let begun = store.begin(&lease(failed, 9, until), NOW).await.unwrap();
        assert_eq!(kept, matches!(begun, Begun::Answered(_)), "{begun:?}");
    }
}

/// Adds documents, each under a key of its own, and returns the number of the one that failed.
async fn create_until_it_fails(store: Arc<Postgres>, crashed: Arc<AtomicBool>, writer: u32) -> u32 {
    for number in writer * 1_000_000.. {
        let mine = lease(number, number, until());
        let created = async {
            assert_eq!(store.begin(&mine, NOW).await?, Begun::Fresh);
            store.complete(&mine, &answer(until()), &document(number)).await
        };
        if let Err(error) = created.await {
            assert!(matches!(error, StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_)), "{error}");
            assert!(crashed.load(SeqCst), "{error}");
            return number;
        }
    }
    unreachable!("the server crashes")
}

fn until() -> Timestamp {
    NOW.after(Duration::from_secs(30))
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_ended_are_replaced() {
    let database = Database::create();
    let store = open(&database.url).await;
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert_eq!(database.psql(sql), "1");
    assert!(store.merchant(merchant(1).id).await.unwrap().is_some());
    store.create_merchant(&merchant(2), &SYSTEM).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_takes_too_long_is_ended_and_its_outcome_is_called_unknown() {
    let database = Database::create();
    let mut impatient = options(&database.url);
    impatient.statement_timeout = Duration::from_millis(300);
    let store = Postgres::open(impatient).await.unwrap();
    let other = session(&database.url).await;
    other.batch_execute("BEGIN; SELECT FROM installation FOR UPDATE").await.unwrap();
    let late = store.revoke(&revocation(1), NOW, &SYSTEM).await;
    assert!(matches!(&late, Err(StoreError::OutcomeUnknown(_))), "{late:?}");
    assert!(late.unwrap_err().to_string().ends_with("whether the change was made is not known"));
    // The statement no longer waits for its turn.
    until_waiting(&database.url, 0).await;
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(store.last_change().await.unwrap().seq, 0);
    store.revoke(&revocation(2), NOW, &SYSTEM).await.unwrap();
    assert_eq!(store.last_change().await.unwrap().seq, 1);
}

/// Simulates a primary that is cut off from its standbys, one of which is about to replace it. The answer is there once
/// the server that gave it stops waiting.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_no_standby_has_is_not_repeated() {
    let server = Server::start(
        "-c listen_addresses= -c synchronous_standby_names=gone -c synchronous_commit=local",
        |_| {},
    );
    let database = server.database();
    let careless = open(&database.url).await;
    let mut careful = options(&format!("{}?options=-csynchronous_commit%3Don", database.url));
    careful.statement_timeout = Duration::from_secs(1);
    let careful = open_with(careful).await;

    let (first, repeat) = (lease(1, 1, until()), lease(1, 2, until()));
    assert_eq!(careful.begin(&first, NOW).await.unwrap(), Begun::Fresh, "a lease need not be safe");
    let created = careful.complete(&first, &answer(until()), &document(1)).await;
    assert!(matches!(created, Err(StoreError::OutcomeUnknown(_))), "{created:?}");
    let there = async {
        while careless.document(KIND, document(1).id).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), there)
        .await
        .expect("the write is cancelled, and thereby seen");

    let repeated = careful.begin(&repeat, NOW).await;
    assert!(matches!(repeated, Err(StoreError::OutcomeUnknown(_))), "{repeated:?}");
    assert_eq!(careless.begin(&repeat, NOW).await.unwrap(), Begun::Answered(answer(until())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_away_leaves_no_transaction_open() {
    let database = Database::create();
    let mut one = options(&database.url);
    one.pool_size = 1;
    let store = Arc::new(Postgres::open(one).await.unwrap());
    let other = session(&database.url).await;
    other.batch_execute("BEGIN; SELECT FROM installation FOR UPDATE").await.unwrap();
    let gone = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.revoke(&revocation(1), NOW, &SYSTEM).await }
    });
    until_waiting(&database.url, 1).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    other.batch_execute("COMMIT").await.unwrap();
    // The only connection is free again once the request is done.
    store.revoke(&revocation(2), NOW, &SYSTEM).await.unwrap();
    assert_eq!(store.last_change().await.unwrap().seq, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_can_be_entered_and_then_says_nothing_is_given_up() {
    let database = Database::create();
    drop(open(&database.url).await);
    let other = session(&database.url).await;
    other.batch_execute("BEGIN; LOCK TABLE tollgate_schema IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let mut impatient = options(&database.url);
    impatient.statement_timeout = Duration::from_millis(300);
    let opened = tokio::time::timeout(Duration::from_secs(60), Postgres::open(impatient));
    let given_up = opened.await.expect("long before").err();
    assert!(
        matches!(&given_up, Some(StoreError::Unavailable(text)) if text.contains("in time")),
        "{given_up:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_is_passed_over() {
    let database = Database::create();
    drop(open(&database.url).await);
    database.psql(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        database.url.rsplit('/').next().unwrap()
    ));
    let refused = Postgres::open(options(&database.url)).await.err();
    assert!(
        matches!(&refused, Some(StoreError::Unavailable(text)) if text.contains("does not allow writes")),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_opened_says_why() {
    let database = Database::create();
    let missing = format!("{}_missing", database.url);
    let unreachable = "postgres://u@127.0.0.1:1/d".to_owned();
    let role = database.url.replace("postgres://postgres@", "postgres://nobody_at_all@");
    for (url, what) in [
        (missing, "_missing: create it"),
        (unreachable, "PostgreSQL at 127.0.0.1:1 can't be reached: connection refused"),
        (role, "refused the user nobody_at_all or its password"),
    ] {
        let refused = Postgres::open(options(&url)).await.err().unwrap().to_string();
        assert!(refused.contains(what), "{refused}");
    }
}
