//! Tests of the change log with several writers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use tollgate_store::{
    Change, ChangeLog, Changed, Clients, Merchants, Position, Purge, Revocations, StoreError,
};

use super::server::Database;
use super::{NOW, SYSTEM, open, revocation, session, until_waiting};
use crate::Postgres;

/// The number is taken in the middle of a transaction, so the later transaction could be committed first.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_with_a_later_number_is_never_seen_before_one_with_an_earlier() {
    let database = Database::create();
    let store = Arc::new(open(&database.url).await);
    let slow = session(&database.url).await;
    let take = "BEGIN;
         UPDATE installation SET last_change = last_change + 1;
         INSERT INTO changes (seq, kind, until) SELECT last_change, 'signing keys', 9000000000000 FROM installation";
    slow.batch_execute(take).await.unwrap();
    let quick = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.revoke(&revocation(1), NOW, &SYSTEM).await }
    });
    until_waiting(&database.url, 1).await;
    assert_eq!(store.changes_since(Position::START, 10).await.unwrap(), Some(Vec::new()));

    slow.batch_execute("COMMIT").await.unwrap();
    quick.await.unwrap().unwrap();
    let seen: Vec<_> = store.changes_since(Position::START, 10).await.unwrap().unwrap();
    assert_eq!(
        seen.iter().map(|change| (change.position.seq, change.what)).collect::<Vec<_>>(),
        [(1, Changed::SigningKeys), (2, Changed::Revocation(revocation(1)))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_rolled_back_leaves_no_gap() {
    let database = Database::create();
    let store = Arc::new(open(&database.url).await);
    let failing = session(&database.url).await;
    failing.batch_execute("BEGIN; UPDATE installation SET last_change = last_change + 1").await.unwrap();
    let other = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.revoke(&revocation(1), NOW, &SYSTEM).await }
    });
    until_waiting(&database.url, 1).await;
    failing.batch_execute("ROLLBACK").await.unwrap();
    other.await.unwrap().unwrap();
    assert_eq!(store.changes_since(Position::START, 10).await.unwrap().unwrap()[0].position.seq, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_misses_nothing_that_several_processes_write_at_once() {
    const WRITERS: u32 = 8;
    const WRITES: u32 = 40;
    let database = Database::create();
    let stores = [Arc::new(open(&database.url).await), Arc::new(open(&database.url).await)];
    let done = Arc::new(AtomicU32::new(0));
    let write = async |store: Arc<Postgres>, writer: u32, done: Arc<AtomicU32>| {
        for number in 0..WRITES {
            store.revoke(&revocation(writer * WRITES + number), NOW, &SYSTEM).await.unwrap();
        }
        done.fetch_add(1, SeqCst);
    };
    for writer in 0..WRITERS {
        let store = Arc::clone(&stores[writer as usize % 2]);
        tokio::spawn(write(store, writer, Arc::clone(&done)));
    }
    let mut seen: Vec<Change> = Vec::new();
    loop {
        let last = done.load(SeqCst) == WRITERS;
        let (before, after) = (seen.len(), seen.last().map_or(Position::START, |change| change.position));
        seen.extend(stores[0].changes_since(after, 7).await.unwrap().unwrap());
        assert!(seen.iter().zip(1..).all(|(change, number)| change.position.seq == number), "{seen:?}");
        if last && before == seen.len() {
            break;
        }
    }
    assert_eq!(seen.len(), (WRITERS * WRITES) as usize);
    for number in 0..WRITERS * WRITES {
        assert!(seen.iter().any(|change| change.what == Changed::Revocation(revocation(number))), "{number}");
    }
}

/// A transaction that waits for its number holds the rows that it has changed, so one that locks in the opposite order is blocked by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_resolved_by_doing_it_again() {
    let database = Database::create();
    let store = Arc::new(open(&database.url).await);
    store.create_merchant(&super::merchant(1), &SYSTEM).await.unwrap();
    let other = session(&database.url).await;
    // The store, not the other session, notices the deadlock.
    other
        .batch_execute("SET deadlock_timeout = '10min'; BEGIN; SELECT FROM installation FOR UPDATE")
        .await
        .unwrap();
    let disabled = tokio::spawn({
        let store = Arc::clone(&store);
        let id = super::merchant(1).id;
        async move { store.set_merchant_status(id, tollgate_store::Status::Disabled, NOW, &SYSTEM).await }
    });
    until_waiting(&database.url, 1).await;
    other.batch_execute("UPDATE merchants SET name = 'other'; COMMIT").await.unwrap();
    assert!(disabled.await.unwrap().unwrap());
    assert_eq!(store.merchant(super::merchant(1).id).await.unwrap().unwrap().name, "other");
    assert_eq!(store.last_change().await.unwrap().seq, 3);
}

/// Simulates a standby that had not received the newest changes, becomes the primary, and gives their numbers to other changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_of_another_history_is_told_even_when_the_numbers_are_the_same() {
    let one = Database::create();
    let store = open(&one.url).await;
    store.revoke(&revocation(1), NOW, &SYSTEM).await.unwrap();
    let common = store.last_change().await.unwrap();
    drop(store);
    let other = one.copy();
    let (one, other) = (open(&one.url).await, open(&other.url).await);
    for number in 2..5 {
        one.revoke(&revocation(number), NOW, &SYSTEM).await.unwrap();
        other.revoke(&revocation(number + 10), NOW, &SYSTEM).await.unwrap();
    }
    let seen = one.changes_since(common, 10).await.unwrap().unwrap();
    assert_eq!(one.last_change().await.unwrap(), seen[2].position);
    for change in &seen {
        assert!(one.changes_since(change.position, 10).await.unwrap().is_some());
        assert_eq!(other.changes_since(change.position, 10).await.unwrap(), None);
    }
    let theirs = other.changes_since(common, 10).await.unwrap().unwrap();
    assert_eq!(theirs.iter().map(|change| change.position.seq).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(theirs[0].what, Changed::Revocation(revocation(12)));

    // The same once both histories are purged except for the number.
    for store in [&one, &other] {
        assert_eq!(store.purge(NOW.after(Duration::from_secs(3600))).await.unwrap(), 4);
    }
    assert_eq!(one.last_change().await.unwrap(), seen[2].position);
    assert_eq!(one.changes_since(seen[2].position, 10).await.unwrap(), Some(Vec::new()));
    assert_eq!(other.changes_since(seen[2].position, 10).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_not_in_the_log() {
    let database = Database::create();
    let store = open(&database.url).await;
    store.create_merchant(&super::merchant(1), &SYSTEM).await.unwrap();
    assert!(store.create_client(&super::client(1), &SYSTEM).await.unwrap());
    let again = store.create_client(&super::client(1), &SYSTEM).await;
    assert!(matches!(again, Err(StoreError::Unavailable(text)) if text.contains("23505")));
    assert_eq!(store.last_change().await.unwrap().seq, 2);
}
