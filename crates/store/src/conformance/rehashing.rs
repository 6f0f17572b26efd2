//! Imported secrets, which are hashed anew when they are used.

use tollgate_keys::{SecretHash, SlowHash};

use super::{
    HOUR, NOW, SYSTEM, Shared, changed_since, client, client_id, merchant, secret, secret_id, the_client,
};
use crate::{Changed, Secret, StoreError};

/// Makes an imported secret of a client.
fn imported(number: u32, slow_hash: &str) -> Secret {
    Secret { slow_hash: Some(slow_hash.parse::<SlowHash>().unwrap()), ..secret(number) }
}

const BCRYPT: &str = "$2b$10$o6hx.Wog/wvFSkT/Bp/6DO";
const PBKDF2: &str = "$pbkdf2-sha512$i=25000,l=32$1jP+5Zxpxgtee/iPxGgOzw";

/// Adds a client with an imported secret of each kind, and one with a generated secret.
async fn with_imported(store: &Shared) {
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    let mut created = client(1, Some(1));
    created.secrets = vec![imported(1, BCRYPT), imported(2, PBKDF2), secret(3)];
    assert!(store.create_client(&created, &SYSTEM).await.unwrap());
    assert_eq!(the_client(store, 1).await, created);
}

pub async fn an_imported_secret_keeps_its_slow_hash_until_it_is_hashed_anew(store: Shared) {
    with_imported(&store).await;
    assert!(
        store
            .add_secret(client_id(1), &imported(4, BCRYPT), Some(NOW.after(HOUR)), NOW, &SYSTEM)
            .await
            .unwrap()
    );
    let before = store.last_change().await.unwrap();
    let hash = SecretHash::from_bytes([9; 32]);
    assert!(store.rehash_secret(client_id(1), secret_id(2), &hash, NOW, &SYSTEM).await.unwrap());
    let expires_at = Some(NOW.after(HOUR));
    let expected = [
        Secret { expires_at, ..imported(1, BCRYPT) },
        Secret { hash, expires_at, ..secret(2) },
        Secret { expires_at, ..secret(3) },
        imported(4, BCRYPT),
    ];
    assert_eq!(the_client(&store, 1).await.secrets, expected);
    assert_eq!(changed_since(&store, before).await, [Changed::Client(client_id(1))]);
}

pub async fn a_secret_is_hashed_anew_once_and_by_its_client_only(store: Shared) {
    with_imported(&store).await;
    store.create_client(&client(5, Some(1)), &SYSTEM).await.unwrap();
    assert!(store.revoke_secret(client_id(1), secret_id(2), NOW, &SYSTEM).await.unwrap());
    let before = (the_client(&store, 1).await, store.last_change().await.unwrap());
    let hash = SecretHash::from_bytes([9; 32]);
    // Another client's secret, a revoked one, one that never had a slow hash, and one that doesn't exist.
    for (client, secret) in [(5, 1), (1, 2), (1, 3), (1, 7)] {
        let done = store.rehash_secret(client_id(client), secret_id(secret), &hash, NOW, &SYSTEM).await;
        assert!(!done.unwrap(), "{client} {secret}");
    }
    assert_eq!((the_client(&store, 1).await, store.last_change().await.unwrap()), before);
    assert!(store.rehash_secret(client_id(1), secret_id(1), &hash, NOW, &SYSTEM).await.unwrap());
    let other = SecretHash::from_bytes([8; 32]);
    assert!(!store.rehash_secret(client_id(1), secret_id(1), &other, NOW, &SYSTEM).await.unwrap());
    assert_eq!(the_client(&store, 1).await.secrets[0].hash, hash);
}

pub async fn of_many_servers_one_hashes_a_secret_anew(store: Shared) {
    with_imported(&store).await;
    let before = store.last_change().await.unwrap();
    let attempts: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let hash = SecretHash::from_bytes([9; 32]);
                loop {
                    match store.rehash_secret(client_id(1), secret_id(1), &hash, NOW, &SYSTEM).await {
                        Err(StoreError::Overtaken) => {}
                        outcome => break outcome.unwrap(),
                    }
                }
            })
        })
        .collect();
    let mut done = 0;
    for attempt in attempts {
        done += u32::from(attempt.await.unwrap());
    }
    assert_eq!(done, 1);
    assert_eq!(changed_since(&store, before).await, [Changed::Client(client_id(1))]);
}
