//! When secrets were last used, and from where.

use tollgate_core::Timestamp;

use super::{HOUR, NOW, SYSTEM, Shared, client_id, merchant_id, secret, secret_id, with_client};
use crate::{SecretUse, SecretUses};

/// Returns a use of the secret with this number, of the client with the same number.
fn used(number: u32, source: &str, at: Timestamp) -> SecretUse {
    SecretUse { client: client_id(1), secret: secret_id(number), source: source.to_owned(), at }
}

pub async fn the_last_use_of_each_secret_is_known_with_its_sources(store: Shared) {
    with_client(&store).await;
    store.add_secret(client_id(1), &secret(2), None, NOW, &SYSTEM).await.unwrap();
    assert_eq!(store.uses(client_id(1)).await.unwrap(), []);
    let later = NOW.after(HOUR);
    store.note_uses(&[used(1, "192.0.2.7", NOW), used(1, "192.0.2.8", later)]).await.unwrap();
    store.note_uses(&[used(2, "2001:db8::/64", NOW), used(2, "2001:db8::/64", NOW)]).await.unwrap();
    store.note_uses(&[used(1, "192.0.2.8", NOW), used(7, "192.0.2.8", NOW)]).await.unwrap();
    store.note_uses(&[]).await.unwrap();
    let source = |text: &str, at| (text.to_owned(), at);
    let first = SecretUses {
        secret: secret_id(1),
        last_at: later,
        sources: vec![source("192.0.2.7", NOW), source("192.0.2.8", later)],
    };
    let second =
        SecretUses { secret: secret_id(2), last_at: NOW, sources: vec![source("2001:db8::/64", NOW)] };
    assert_eq!(
        store.uses(client_id(1)).await.unwrap(),
        [first.clone(), second],
        "there is no seventh secret"
    );
    assert_eq!(store.uses(client_id(2)).await.unwrap(), []);
    let mut last = store.last_uses(&[client_id(2), client_id(1)]).await.unwrap();
    last.sort_unstable();
    assert_eq!(last, [(secret_id(1), later), (secret_id(2), NOW)]);
    assert_eq!(store.last_uses(&[client_id(2)]).await.unwrap(), []);
    // Sources are forgotten before the secret is.
    assert_eq!(store.forget_sources(NOW.after(HOUR)).await.unwrap(), 2);
    let left = store.uses(client_id(1)).await.unwrap();
    assert_eq!(left[0], SecretUses { sources: vec![source("192.0.2.8", later)], ..first });
    assert_eq!((left[1].last_at, left[1].sources.len()), (NOW, 0));
    assert_eq!(store.last_uses(&[client_id(1)]).await.unwrap().len(), 2);
}

pub async fn the_sources_of_a_secret_are_bounded(store: Shared) {
    with_client(&store).await;
    for number in 0..50 {
        store.note_uses(&[used(1, &format!("192.0.2.{number}"), NOW)]).await.unwrap();
    }
    let [uses] = store.uses(client_id(1)).await.unwrap().try_into().unwrap();
    assert_eq!(uses.sources.len(), 21);
    assert_eq!(uses.sources[0], ("*".to_owned(), NOW));
}

pub async fn uses_go_with_their_client(store: Shared) {
    with_client(&store).await;
    store.note_uses(&[used(1, "192.0.2.7", NOW)]).await.unwrap();
    assert!(store.delete_client(client_id(1), None, NOW, &SYSTEM).await.unwrap());
    assert_eq!(store.uses(client_id(1)).await.unwrap(), []);
    store.note_uses(&[used(1, "192.0.2.7", NOW)]).await.unwrap();
    assert_eq!(store.uses(client_id(1)).await.unwrap(), [], "a use that is noted too late");
    let again = super::client(2, Some(1));
    assert!(store.create_client(&again, &SYSTEM).await.unwrap());
    let use_of_it = SecretUse { client: again.id, secret: again.secrets[0].id, ..used(1, "192.0.2.7", NOW) };
    store.note_uses(std::slice::from_ref(&use_of_it)).await.unwrap();
    assert_eq!(store.uses(again.id).await.unwrap().len(), 1);
    assert!(store.delete_merchant(merchant_id(1), None, NOW, &SYSTEM).await.unwrap());
    assert_eq!(store.uses(again.id).await.unwrap(), []);
}
