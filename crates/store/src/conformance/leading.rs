//! Leader leases, and the succession of signing keys.

use std::time::Duration;

use tollgate_core::KeyId;

use super::{
    DAY, HOUR, MILLISECOND, NOW, SYSTEM, Shared, at_once, bytes, changed_since, leader_lease, signing_key,
};
use crate::{Changed, LeaderLease, Position};

const MINUTE: Duration = Duration::from_secs(60);

pub async fn a_task_has_one_leader_until_its_lease_ends(store: Shared) {
    let (one, other) = (leader_lease("keys", 1), leader_lease("keys", 2));
    assert!(store.lead(&one, NOW).await.unwrap());
    let before_the_end = NOW.after(MINUTE).before(MILLISECOND);
    assert!(!store.lead(&other, NOW).await.unwrap());
    assert!(!store.lead(&other, before_the_end).await.unwrap());
    assert!(store.lead(&leader_lease("another task", 2), NOW).await.unwrap());

    let later = LeaderLease { until: NOW.after(2 * MINUTE), ..other };
    assert!(store.lead(&later, NOW.after(MINUTE)).await.unwrap());
    assert!(!store.lead(&one, NOW.after(MINUTE)).await.unwrap(), "its lease has ended");
}

pub async fn a_leader_renews_its_lease_and_gives_it_back(store: Shared) {
    let (one, other) = (leader_lease("keys", 1), leader_lease("keys", 2));
    assert!(store.lead(&one, NOW).await.unwrap());
    let longer = LeaderLease { until: NOW.after(2 * MINUTE), ..one.clone() };
    assert!(store.lead(&longer, NOW.after(MINUTE / 2)).await.unwrap());
    assert!(!store.lead(&other, NOW.after(MINUTE)).await.unwrap(), "the lease was renewed");

    store.stop_leading(&other).await.unwrap();
    assert!(!store.lead(&other, NOW).await.unwrap(), "a lease of another server can't be given back");
    store.stop_leading(&one).await.unwrap();
    assert!(store.lead(&other, NOW).await.unwrap());
    store.stop_leading(&one).await.unwrap();
    assert!(!store.lead(&one, NOW).await.unwrap());
}

pub async fn of_many_servers_one_leads(store: Shared) {
    // The first is a task without a leader, the second a task whose lease has ended.
    for now in [NOW, NOW.after(MINUTE)] {
        let leads = at_once(&store, 16, move |store, number| async move {
            let until = now.after(MINUTE);
            store.lead(&LeaderLease { until, ..leader_lease("keys", number) }, now).await.unwrap()
        })
        .await;
        assert_eq!(leads.iter().filter(|leads| **leads).count(), 1, "{leads:?}");
    }
}

pub async fn of_many_successors_of_a_key_one_is_added(store: Shared) {
    store.install(b"check", &signing_key(100, NOW), &SYSTEM).await.unwrap();
    let seq = store.last_change().await.unwrap();
    let retire_at = NOW.after(DAY);
    let added = at_once(&store, 16, move |store, number| async move {
        let key = signing_key(number, NOW.after(MILLISECOND));
        store.succeed_signing_key(KeyId::from_bytes(bytes(100)), &key, retire_at, &SYSTEM).await.unwrap()
    })
    .await;
    assert_eq!(added.iter().filter(|added| **added).count(), 1, "{added:?}");
    let keys = store.signing_keys().await.unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!((keys[0].retires_at, keys[1].retires_at), (Some(retire_at), None));
    assert_eq!(changed_since(&store, seq).await, [Changed::SigningKeys], "it is written with its change");
}

pub async fn a_key_that_has_a_successor_gets_no_other(store: Shared) {
    let key = |number, hours: u32| signing_key(number, NOW.after(hours * HOUR));
    let id = |number| KeyId::from_bytes(bytes(number));
    store.install(b"check", &key(1, 0), &SYSTEM).await.unwrap();
    store.add_signing_key(&key(2, 1), NOW.after(DAY), &SYSTEM).await.unwrap();
    let (keys, seq) = (store.signing_keys().await.unwrap(), store.last_change().await.unwrap());
    for predecessor in [1, 9] {
        assert!(!store.succeed_signing_key(id(predecessor), &key(3, 2), NOW, &SYSTEM).await.unwrap());
    }
    assert_eq!(store.signing_keys().await.unwrap(), keys, "nobody retires sooner for it");
    assert_eq!(changed_since(&store, seq).await, []);

    assert!(store.succeed_signing_key(id(2), &key(3, 2), NOW.after(2 * DAY), &SYSTEM).await.unwrap());
    let retire: Vec<_> = store.signing_keys().await.unwrap().iter().map(|key| key.retires_at).collect();
    assert_eq!(retire, [Some(NOW.after(DAY)), Some(NOW.after(2 * DAY)), None]);
}

pub async fn leading_is_no_change(store: Shared) {
    assert!(store.lead(&leader_lease("keys", 1), NOW).await.unwrap());
    store.stop_leading(&leader_lease("keys", 1)).await.unwrap();
    assert_eq!(changed_since(&store, Position::START).await, []);
}
