//! Tests of upgrading a store of an earlier version.

use std::time::Duration;

use tollgate_core::{
    Algorithm, ClientId, Environment, Generation, MerchantId, Revoked, SecretId, Timestamp, TokenId,
};
use tollgate_store::{
    Clients, Document, Documents, Installation, Keys, LeaderLease, Merchants, Revocations, Servers,
};

use super::{KIND, NOW, document, merchant, raw};
use crate::Sqlite;

#[tokio::test]
async fn a_schema_of_an_earlier_version_gets_what_it_lacks_and_keeps_what_it_holds() {
    for version in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let path = earlier(&folder, version);
        raw(&path)
            .execute_batch(
                "INSERT INTO merchants VALUES (x'00000001000000000000000000000000', 'Shop', 0, 0, 0);
                 INSERT INTO signing_keys VALUES (x'00000001000000000000000000000000', x'07', 0, 0, NULL)",
            )
            .unwrap();
        let store = Sqlite::open_existing(&path).unwrap();
        let lease = LeaderLease { task: "keys", holder: [1; 16], until: NOW };
        assert!(store.lead(&lease, NOW).await.unwrap());
        assert_eq!(store.merchant(merchant(1).id).await.unwrap().unwrap().name, "Shop");
        let key = store.signing_keys().await.unwrap().remove(0);
        assert_eq!((key.algorithm, key.public_key, key.sealed), (Algorithm::Hs256, None, vec![7]));
    }
}

/// Creates a store as an earlier version did.
fn earlier(folder: &tempfile::TempDir, version: usize) -> std::path::PathBuf {
    const STEPS: [&str; 2] = [include_str!("../schema.sql"), include_str!("../elected.sql")];
    let path = folder.path().join("tollgate.db");
    let connection = raw(&path);
    STEPS[..version].iter().for_each(|step| connection.execute_batch(step).unwrap());
    connection.pragma_update(None, "application_id", 0x5447_5354).unwrap();
    connection.pragma_update(None, "user_version", version).unwrap();
    path
}

#[tokio::test]
async fn what_was_ended_by_its_time_stays_ended_by_its_generation() {
    let folder = tempfile::tempdir().unwrap();
    let path = earlier(&folder, 2);
    raw(&path)
        .execute_batch(
            "UPDATE installation SET check_value = x'00';
             INSERT INTO merchants VALUES (x'00000001000000000000000000000000', 'Shop', 0, 5000, 0);
             INSERT INTO clients VALUES
                 (x'00000001000000000000000000000000', NULL, 'disabled', 'test', 'a', '', 1, 7000, 0),
                 (x'00000002000000000000000000000000', NULL, 'enabled', 'test', 'a', '', 0, 0, 0);
             INSERT INTO changes (kind, id, issued_until, until) VALUES
                 ('client', x'00000001000000000000000000000000', NULL, 9000),
                 ('client revoked', x'00000001000000000000000000000000', 7000, 9000),
                 ('client revoked', x'00000009000000000000000000000000', 9000, 9000),
                 ('merchant revoked', x'00000001000000000000000000000000', 5000, 9000),
                 ('secret revoked', x'00000001000000000000000000000000', 9000, 9000),
                 ('token revoked', x'00000001000000000000000000000000', 9000, 9000)",
        )
        .unwrap();
    let store = Sqlite::open_existing(&path).unwrap();
    let id = |number: u32| {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        bytes
    };
    let second = Generation::FIRST.next();
    let subjects: Vec<_> = store
        .revocations(Timestamp::from_millis(0))
        .await
        .unwrap()
        .into_iter()
        .map(|revocation| revocation.subject)
        .collect();
    assert_eq!(
        subjects,
        [
            Revoked::Client(ClientId::from_bytes(id(1)), second),
            Revoked::Client(ClientId::from_bytes(id(9)), Generation::END),
            Revoked::Merchant(MerchantId::from_bytes(id(1)), second),
            Revoked::Secret(SecretId::from_bytes(id(1))),
            Revoked::Token(TokenId::from_bytes(id(1))),
        ]
    );
    for (number, generation) in [(1, second), (2, Generation::FIRST)] {
        let client = store.client(ClientId::from_bytes(id(number))).await.unwrap().unwrap();
        assert_eq!(client.generation, generation);
    }
    // No server has said yet how long its tokens live.
    let longest = store.longest_lifetime(Duration::ZERO).await.unwrap();
    assert_eq!(longest, Duration::from_secs(30 * 24 * 3600 + 3600));
}

/// Checks that the payment requests of an earlier version are documents now, in the order in which they were added.
#[tokio::test]
async fn payment_requests_become_documents_that_can_be_decided() {
    let folder = tempfile::tempdir().unwrap();
    let path = earlier(&folder, 2);
    raw(&path)
        .execute_batch(
            "INSERT INTO payment_requests
                 (id, merchant_id, environment, details, status, created_at, expires_at, decided_at)
             VALUES
                 (x'00000001000000000000000000000000', x'00000001000000000000000000000000', 'test', '{}',
                     'pending', 1764000000000, 1764000060000, NULL),
                 (x'00000002000000000000000000000000', x'00000001000000000000000000000000', 'live', '{\"a\":1}',
                     'declined', 1764000000000, 1764000060000, 1764000000000)",
        )
        .unwrap();
    let store = Sqlite::open_existing(&path).unwrap();
    let pending = Document { body: "{}".to_owned(), ..document(1) };
    let declined = Document {
        environment: Environment::Live,
        body: "{\"a\":1}".to_owned(),
        state: "declined".to_owned(),
        changed_at: Some(NOW),
        ..document(2)
    };
    assert_eq!(store.document(KIND, declined.id).await.unwrap(), Some(declined));
    let found = store.documents(KIND, pending.merchant_id, Environment::Test, None, 10).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&pending));
    let changed = store.change_document(KIND, pending.id, "pending", "approved", NOW).await.unwrap();
    assert_eq!(changed.unwrap().state, "approved");
}
