//! What servers agree on, and which of them run.

use super::{DAY, HOUR, MILLISECOND, NOW, SYSTEM, Shared, at_once, bytes, changed_since};
use crate::{Adoption, Changed, Position, RunningServer};

fn adoption(predecessor: Option<u64>, terms: &str) -> Adoption {
    Adoption { predecessor, terms: terms.to_owned(), by: format!("whoever wants {terms}"), at: NOW }
}

fn server(number: u32) -> RunningServer {
    RunningServer {
        id: bytes(number),
        name: format!("host {number}"),
        process: "1 2 3".to_owned(),
        terms: "terms".to_owned(),
        beat_at: NOW,
    }
}

pub async fn what_is_adopted_supersedes_what_was_before(store: Shared) {
    assert_eq!(store.agreements().await.unwrap(), []);
    assert!(store.adopt(&adoption(None, "first"), &SYSTEM).await.unwrap());
    let later = Adoption { at: NOW.after(HOUR), ..adoption(Some(1), "second") };
    assert!(store.adopt(&later, &SYSTEM).await.unwrap());
    let [second, first] = store.agreements().await.unwrap().try_into().unwrap();
    assert_eq!((first.seq, first.terms.as_str(), first.adopted_at), (1, "first", NOW));
    assert_eq!(first.adopted_by, "whoever wants first");
    assert_eq!(first.superseded_at, Some(NOW.after(HOUR)));
    assert_eq!((second.seq, second.terms.as_str(), second.superseded_at), (2, "second", None));
}

/// Checks that an adoption is a change: every server must hear of it, and then reads the keys again.
pub async fn an_adoption_is_a_change(store: Shared) {
    assert!(store.adopt(&adoption(None, "first"), &SYSTEM).await.unwrap());
    assert_eq!(changed_since(&store, Position::START).await, [Changed::SigningKeys]);
}

pub async fn whoever_knows_another_predecessor_adopts_nothing(store: Shared) {
    assert!(!store.adopt(&adoption(Some(1), "early"), &SYSTEM).await.unwrap());
    assert!(store.adopt(&adoption(None, "first"), &SYSTEM).await.unwrap());
    assert!(!store.adopt(&adoption(None, "late"), &SYSTEM).await.unwrap());
    assert_eq!(store.agreements().await.unwrap().len(), 1);
    assert_eq!(changed_since(&store, Position::START).await.len(), 1);
}

pub async fn of_many_adoptions_at_once_one_counts(store: Shared) {
    let adopt = |store: Shared, number| async move {
        store.adopt(&adoption(None, &format!("terms {number}")), &SYSTEM).await.unwrap()
    };
    let adopted = at_once(&store, 8, adopt).await;
    assert_eq!(adopted.iter().filter(|adopted| **adopted).count(), 1);
    assert_eq!(store.agreements().await.unwrap().len(), 1);
}

pub async fn only_the_newest_agreements_are_shown(store: Shared) {
    for number in 0..20 {
        let predecessor = (number > 0).then_some(number);
        assert!(store.adopt(&adoption(predecessor, &format!("terms {number}")), &SYSTEM).await.unwrap());
    }
    let shown: Vec<_> = store.agreements().await.unwrap().iter().map(|agreement| agreement.seq).collect();
    assert_eq!(shown, (5..=20).rev().collect::<Vec<_>>());
}

pub async fn a_server_is_among_those_that_run_until_it_leaves_or_is_silent(store: Shared) {
    for number in [1, 2] {
        store.beat(&server(number)).await.unwrap();
    }
    assert_eq!(store.servers(NOW).await.unwrap(), [server(1), server(2)]);
    let later = RunningServer { beat_at: NOW.after(MILLISECOND), ..server(2) };
    store.beat(&later).await.unwrap();
    assert_eq!(store.servers(NOW.after(MILLISECOND)).await.unwrap(), [later]);
    store.leave(server(2).id).await.unwrap();
    store.leave(server(3).id).await.unwrap();
    assert_eq!(store.servers(NOW).await.unwrap(), [server(1)]);

    let much_later = RunningServer { beat_at: NOW.after(DAY), ..server(3) };
    store.beat(&much_later).await.unwrap();
    assert_eq!(store.servers(NOW).await.unwrap(), [much_later], "one that was silent for a day is forgotten");
    assert_eq!(changed_since(&store, Position::START).await, []);
}
