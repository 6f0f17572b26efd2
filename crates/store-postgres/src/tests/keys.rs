//! Tests of idempotency keys that several servers take, with clocks that differ.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::Timestamp;
use tollgate_store::{Alone, Begun, Idempotency, Purge, Servers};

use super::server::Database;
use super::{NOW, answer, document, lease, open, session, until_waiting};
use crate::Postgres;
use crate::clock::Clock;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LEASE: Duration = Duration::from_secs(30);

/// Takes a key for half a minute by the server's clock, which shows `now`.
async fn begin(store: &Postgres, owner: u32, now: Timestamp) -> Begun {
    store.begin(&lease(1, owner, now.after(LEASE)), now).await.unwrap()
}

/// Answers under a key that `begin` has taken, for a day by the server's clock.
async fn complete(store: &Postgres, owner: u32, now: Timestamp) -> bool {
    let mut request = document(owner);
    request.created_at = now;
    let lease = lease(1, owner, now.after(LEASE));
    store.complete(&lease, &answer(now.after(DAY)), &request).await.unwrap()
}

/// Opens the store as a server does, on a database whose clock shows `time`.
async fn at(database: &Database, time: Timestamp) -> Postgres {
    let mut store = open(&database.url).await;
    store.clock = Clock::At(time);
    store
}

/// Simulates servers that are connected to several nodes of an engine, where each node has its own session locks.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_that_take_a_key_one_is_fresh_whatever_their_clocks_show() {
    let database = Database::create();
    let servers = [Arc::new(at(&database, NOW).await), Arc::new(at(&database, NOW).await)];
    for (key, ahead) in (0..100).zip([Duration::ZERO, LEASE / 2, LEASE, DAY, 2 * DAY].into_iter().cycle()) {
        let begin = |server: usize, now: Timestamp| {
            let (store, owner) = (Arc::clone(&servers[server]), u32::try_from(server).unwrap());
            tokio::spawn(async move { store.begin(&lease(key, owner, now.after(LEASE)), now).await.unwrap() })
        };
        let (one, other) = (begin(0, NOW), begin(1, NOW.after(ahead)));
        let begun = [one.await.unwrap(), other.await.unwrap()];
        let fresh = begun.iter().filter(|begun| **begun == Begun::Fresh).count();
        assert_eq!(fresh, 1, "{key}: {begun:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leases_of_processes_that_died_are_free_when_a_server_finds_no_other() {
    let database = Database::create();
    let died = at(&database, NOW).await;
    assert_eq!(begin(&died, 1, NOW).await, Begun::Fresh);
    let answered = lease(2, 2, NOW.after(LEASE));
    assert_eq!(died.begin(&answered, NOW).await.unwrap(), Begun::Fresh);
    let answer = answer(NOW.after(DAY));
    assert!(died.complete(&answered, &answer, &document(2)).await.unwrap());
    let next = at(&database, NOW.after(SECOND)).await;
    assert_eq!(next.start_serving(None).await.unwrap(), 0, "others may hold them");
    // A server that came later holds a lease of its own.
    let later = lease(3, 3, NOW.after(SECOND).after(LEASE));
    assert_eq!(next.begin(&later, NOW.after(SECOND)).await.unwrap(), Begun::Fresh);
    let alone = Alone { since: NOW.after(SECOND), longest_lease: LEASE };
    assert_eq!(next.start_serving(Some(alone)).await.unwrap(), 1);
    assert_eq!(begin(&next, 4, NOW.after(SECOND)).await, Begun::Fresh);
    assert_eq!(next.begin(&lease(2, 5, NOW.after(LEASE)), NOW).await.unwrap(), Begun::Answered(answer));
    assert!(next.is_taken(&later.scope, NOW.after(SECOND)).await.unwrap());
    // A server that was taken for dead and goes on has no effect.
    assert!(!complete(&died, 1, NOW).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_finds_a_key_being_taken_waits_and_holds_nothing_afterwards() {
    let database = Database::create();
    let store = Arc::new(open(&database.url).await);
    let other = session(&database.url).await;
    other
        .batch_execute(&format!(
            "BEGIN; INSERT INTO idempotency_keys (merchant_id, environment, route, key, owner, fingerprint, until)
             VALUES ('{}', 'test', 'POST /', '1', gen_random_uuid(), decode(repeat('03', 32), 'hex'), {})",
            uuid::Uuid::from_bytes(*super::merchant(1).id.as_bytes()),
            NOW.after(LEASE).millis(),
        ))
        .await
        .unwrap();
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { begin(&store, 2, NOW).await }
    });
    until_waiting(&database.url, 1).await;
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(waiting.await.unwrap(), Begun::InProgress { until: NOW.after(LEASE) });
    assert!(!complete(&store, 2, NOW).await);
}

/// Keys are taken together, so many requests wait when one does, but not for long.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_somebody_holds_does_not_hold_up_the_others() {
    let database = Database::create();
    let store = Arc::new(open(&database.url).await);
    for key in 0..4 {
        assert_eq!(store.begin(&lease(key, 1, NOW.after(LEASE)), NOW).await.unwrap(), Begun::Fresh);
    }
    let other = session(&database.url).await;
    other.batch_execute("BEGIN; UPDATE idempotency_keys SET route = route").await.unwrap();
    let begin = |key: u32| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.begin(&lease(key, 2, NOW.after(LEASE)), NOW).await.unwrap() })
    };
    let held: Vec<_> = (0..4).map(begin).collect();
    let free: Vec<_> = (4..40).map(begin).collect();
    let taken = async {
        for free in free {
            assert_eq!(free.await.unwrap(), Begun::Fresh);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), taken).await.expect("they are not held");
    assert!(held.iter().all(|held| !held.is_finished()), "the first holder may be answering");
    other.batch_execute("COMMIT").await.unwrap();
    for held in held {
        assert_eq!(held.await.unwrap(), Begun::InProgress { until: NOW.after(LEASE) });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_is_ahead_frees_no_key() {
    let database = Database::create();
    let server = at(&database, NOW).await;
    assert_eq!(begin(&server, 1, NOW).await, Begun::Fresh);
    // Another server, two days ahead, on the same database.
    let ahead = NOW.after(2 * DAY);
    assert_eq!(begin(&server, 2, ahead).await, Begun::InProgress { until: NOW.after(LEASE) });
    assert!(server.is_taken(&lease(1, 2, ahead).scope, ahead).await.unwrap());
    assert_eq!(server.purge(ahead).await.unwrap(), 0);
    assert!(complete(&server, 1, NOW).await);
    assert_eq!(begin(&server, 2, ahead).await, Begun::Answered(answer(NOW.after(DAY))));
    assert_eq!(server.purge(ahead).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_whose_clock_is_ahead_frees_no_key() {
    let database = Database::create();
    assert_eq!(begin(&at(&database, NOW).await, 1, NOW).await, Begun::Fresh);
    let ahead = at(&database, NOW.after(2 * DAY)).await;
    let now = NOW.after(SECOND);
    assert_eq!(begin(&ahead, 2, now).await, Begun::InProgress { until: NOW.after(LEASE) });
    assert!(ahead.is_taken(&lease(1, 2, now).scope, now).await.unwrap());
    assert_eq!(ahead.purge(now).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_is_behind_keeps_a_key_for_as_long_as_others() {
    let database = Database::create();
    let server = at(&database, NOW).await;
    let behind = NOW.before(2 * DAY);
    assert_eq!(begin(&server, 1, behind).await, Begun::Fresh);
    assert_eq!(begin(&server, 2, NOW).await, Begun::InProgress { until: NOW.after(LEASE) });
    assert!(complete(&server, 1, behind).await);
    let later = NOW.after(DAY).before(SECOND);
    assert_eq!(begin(&at(&database, later).await, 2, later).await, Begun::Answered(answer(NOW.after(DAY))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_free_when_both_clocks_say_so() {
    let database = Database::create();
    assert_eq!(begin(&at(&database, NOW).await, 1, NOW).await, Begun::Fresh);
    let end = NOW.after(LEASE);
    let server = at(&database, end).await;
    assert!(!server.is_taken(&lease(1, 2, end).scope, end).await.unwrap());
    assert_eq!(begin(&server, 2, end).await, Begun::Fresh);
    assert!(!complete(&server, 1, NOW).await, "it was taken over");
    assert!(complete(&server, 2, end).await);
    assert_eq!(database.psql("SELECT count(*) FROM idempotency_keys"), "1");
}

/// Uses the clock that production uses.
#[tokio::test(flavor = "multi_thread")]
async fn the_databases_own_clock_is_the_second_witness() {
    let database = Database::create();
    let mut server = open(&database.url).await;
    server.clock = Clock::Database;
    let shown: u64 =
        database.psql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").parse().unwrap();
    let now = Timestamp::from_millis(shown);
    // The server's clock is more than a year behind, so the database's counts.
    assert_eq!(begin(&server, 1, NOW).await, Begun::Fresh);
    let Begun::InProgress { until } = begin(&server, 2, now.after(365 * DAY)).await else {
        panic!("it is held")
    };
    assert!((now.after(LEASE)..now.after(LEASE + DAY)).contains(&until), "{until:?} {now:?}");
    assert_eq!(server.purge(now.after(365 * DAY)).await.unwrap(), 0);
}

/// A server may have been away for a long time.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_purge_deletes_is_bounded() {
    let database = Database::create();
    let store = open(&database.url).await;
    database.psql(&format!(
        "INSERT INTO idempotency_keys (merchant_id, environment, route, key, owner, fingerprint, until)
         SELECT gen_random_uuid(), 'test', 'POST /', number, gen_random_uuid(), decode(repeat('03', 32), 'hex'), {until}
         FROM generate_series(1, 20500) number",
        until = NOW.millis()
    ));
    for purged in [20_000, 500, 0] {
        assert_eq!(store.purge(NOW).await.unwrap(), purged);
    }
}
