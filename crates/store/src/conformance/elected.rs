//! Who does what only one process should, and the succession of signing keys.

use std::time::Duration;

use tollgate_core::KeyId;

use super::{DAY, HOUR, MILLISECOND, NOW, Shared, at_once, bytes, candidacy, changed_since, signing_key};
use crate::{Candidacy, Changed, Position};

const MINUTE: Duration = Duration::from_secs(60);

pub async fn an_office_has_one_holder_until_its_term_ends(store: Shared) {
    let (one, other) = (candidacy("keys", 1), candidacy("keys", 2));
    assert!(store.elect(&one, NOW).await.unwrap());
    let before_the_end = NOW.after(MINUTE).before(MILLISECOND);
    assert!(!store.elect(&other, NOW).await.unwrap());
    assert!(!store.elect(&other, before_the_end).await.unwrap());
    assert!(store.elect(&candidacy("another office", 2), NOW).await.unwrap());

    let later = Candidacy { until: NOW.after(2 * MINUTE), ..other };
    assert!(store.elect(&later, NOW.after(MINUTE)).await.unwrap());
    assert!(!store.elect(&one, NOW.after(MINUTE)).await.unwrap(), "its term is over");
}

pub async fn a_holder_prolongs_its_term_and_resigns(store: Shared) {
    let (one, other) = (candidacy("keys", 1), candidacy("keys", 2));
    assert!(store.elect(&one, NOW).await.unwrap());
    let longer = Candidacy { until: NOW.after(2 * MINUTE), ..one.clone() };
    assert!(store.elect(&longer, NOW.after(MINUTE / 2)).await.unwrap());
    assert!(!store.elect(&other, NOW.after(MINUTE)).await.unwrap(), "the term was prolonged");

    store.resign(&other).await.unwrap();
    assert!(!store.elect(&other, NOW).await.unwrap(), "what one doesn't hold one can't give back");
    store.resign(&one).await.unwrap();
    assert!(store.elect(&other, NOW).await.unwrap());
    store.resign(&one).await.unwrap();
    assert!(!store.elect(&one, NOW).await.unwrap());
}

pub async fn of_many_candidates_one_is_elected(store: Shared) {
    // For an office that nobody held, and for one whose term has ended.
    for now in [NOW, NOW.after(MINUTE)] {
        let elected = at_once(&store, 16, move |store, number| async move {
            let until = now.after(MINUTE);
            store.elect(&Candidacy { until, ..candidacy("keys", number) }, now).await.unwrap()
        })
        .await;
        assert_eq!(elected.iter().filter(|elected| **elected).count(), 1, "{elected:?}");
    }
}

pub async fn of_many_successors_of_a_key_one_is_added(store: Shared) {
    store.install(b"check", &signing_key(100, NOW)).await.unwrap();
    let seq = store.last_change().await.unwrap();
    let retire_at = NOW.after(DAY);
    let added = at_once(&store, 16, move |store, number| async move {
        let key = signing_key(number, NOW.after(MILLISECOND));
        store.succeed_signing_key(KeyId::from_bytes(bytes(100)), &key, retire_at).await.unwrap()
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
    store.install(b"check", &key(1, 0)).await.unwrap();
    store.add_signing_key(&key(2, 1), NOW.after(DAY)).await.unwrap();
    let (keys, seq) = (store.signing_keys().await.unwrap(), store.last_change().await.unwrap());
    for predecessor in [1, 9] {
        assert!(!store.succeed_signing_key(id(predecessor), &key(3, 2), NOW).await.unwrap());
    }
    assert_eq!(store.signing_keys().await.unwrap(), keys, "nobody retires sooner for it");
    assert_eq!(changed_since(&store, seq).await, []);

    assert!(store.succeed_signing_key(id(2), &key(3, 2), NOW.after(2 * DAY)).await.unwrap());
    let retire: Vec<_> = store.signing_keys().await.unwrap().iter().map(|key| key.retires_at).collect();
    assert_eq!(retire, [Some(NOW.after(DAY)), Some(NOW.after(2 * DAY)), None]);
}

pub async fn an_election_is_no_change(store: Shared) {
    assert!(store.elect(&candidacy("keys", 1), NOW).await.unwrap());
    store.resign(&candidacy("keys", 1)).await.unwrap();
    assert_eq!(changed_since(&store, Position::START).await, []);
}
