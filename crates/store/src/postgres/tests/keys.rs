//! Idempotency keys in their partitions.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::Timestamp;

use super::server::Database;
use super::{answer, lease, open, payment};
use crate::{Begun, Store};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const SECOND: Duration = Duration::from_secs(1);
/// The first moment of a day.
const MIDNIGHT: Timestamp = Timestamp::from_seconds(20_417 * 86_400);

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_that_take_a_key_on_either_side_of_midnight_one_is_fresh() {
    let database = Database::create();
    let nodes = [Arc::new(open(&database.url).await), Arc::new(open(&database.url).await)];
    let clocks = [MIDNIGHT.before(SECOND), MIDNIGHT.after(SECOND)];
    for key in 0..100 {
        let begin = |node: usize| {
            let (store, now) = (Arc::clone(&nodes[node]), clocks[node]);
            let owner = u32::try_from(node).unwrap();
            tokio::spawn(async move { store.begin(&lease(key, owner, now.after(30 * SECOND)), now).await })
        };
        let (one, other) = (begin(0), begin(1));
        let begun = [one.await.unwrap().unwrap(), other.await.unwrap().unwrap()];
        let fresh = begun.iter().filter(|begun| **begun == Begun::Fresh).count();
        assert_eq!(fresh, 1, "{key}: {begun:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_answered_across_midnight_and_its_lease_is_taken_over_across_it() {
    let database = Database::create();
    let store = open(&database.url).await;
    let evening = MIDNIGHT.before(SECOND);
    let first = lease(1, 1, MIDNIGHT.after(SECOND));
    assert_eq!(store.begin(&first, evening).await.unwrap(), Begun::Fresh);
    let late = MIDNIGHT.after(2 * SECOND);
    let second = lease(1, 2, late.after(30 * SECOND));
    assert_eq!(store.begin(&second, late).await.unwrap(), Begun::Fresh);
    let kept = answer(late.after(DAY));
    assert!(!store.create_payment_request(&payment(1), Some((&first, &kept))).await.unwrap());
    assert!(store.create_payment_request(&payment(2), Some((&second, &kept))).await.unwrap());
    for now in [evening, late, late.after(DAY).before(SECOND)] {
        assert_eq!(
            store.begin(&lease(1, 3, now.after(SECOND)), now).await.unwrap(),
            Begun::Answered(kept.clone())
        );
    }
    assert_eq!(store.begin(&lease(1, 3, late.after(2 * DAY)), late.after(DAY)).await.unwrap(), Begun::Fresh);
    assert_eq!(database.psql("SELECT count(*) FROM idempotency_keys"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn expiry_empties_a_partition_as_a_whole() {
    let database = Database::create();
    let store = open(&database.url).await;
    for key in 0..20 {
        let mine = lease(key, key, MIDNIGHT.after(30 * SECOND));
        store.begin(&mine, MIDNIGHT).await.unwrap();
        let kept = answer(MIDNIGHT.after(DAY));
        assert!(store.create_payment_request(&payment(key), Some((&mine, &kept))).await.unwrap());
    }
    let size = "SELECT sum(pg_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'idempotency_keys'::regclass";
    assert_eq!(store.purge(MIDNIGHT.after(DAY).before(SECOND)).await.unwrap(), 0);
    assert_ne!(database.psql(size), "0");
    assert_eq!(store.purge(MIDNIGHT.after(DAY)).await.unwrap(), 20);
    assert_eq!(database.psql(size), "0", "nothing is left for a vacuum");
}

/// As when keys are kept for longer than it takes until their partition is used again.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_kept_for_long_outlives_its_partition_mates() {
    let database = Database::create();
    let store = open(&database.url).await;
    for (key, days) in [(1, 1), (2, 9)] {
        let mine = lease(key, key, MIDNIGHT.after(30 * SECOND));
        store.begin(&mine, MIDNIGHT).await.unwrap();
        let kept = answer(MIDNIGHT.after(days * DAY));
        assert!(store.create_payment_request(&payment(key), Some((&mine, &kept))).await.unwrap());
    }
    assert_eq!(store.purge(MIDNIGHT.after(2 * DAY)).await.unwrap(), 0);
    assert_eq!(store.purge(MIDNIGHT.after(4 * DAY)).await.unwrap(), 1, "its partition is filled again");
    assert!(store.is_taken(&lease(2, 2, MIDNIGHT).scope, MIDNIGHT.after(4 * DAY)).await.unwrap());
    assert_eq!(store.purge(MIDNIGHT.after(9 * DAY)).await.unwrap(), 1);
}
