//! Rotation of the signing keys.

use std::time::Duration;

use tollgate_admin::{NewKey, new_signing_key};
use tollgate_core::Timestamp;
use tollgate_keys::MasterKey;

use crate::call::assert_refused;
use crate::stage::{ACT, Stage, master_key};

/// Adds a key from another process, as `tollgate key rotate` does.
async fn rotate(stage: &Stage, activates_at: Timestamp, others_retire_at: Timestamp) {
    let key = new_signing_key(&master_key(), NewKey::hs256(stage.now(), activates_at)).await.unwrap();
    stage.elsewhere.add_signing_key(&key, others_retire_at, &ACT).await.unwrap();
}

#[tokio::test]
async fn keys_rotate_without_one_false_refusal() {
    let stage = Stage::open().await;
    let mut tokens = Vec::new();
    // Three rotations in three days; every token is checked every hour until its end.
    for hour in 0..72 {
        if hour % 30 == 5 {
            let lead = stage.now().after(Duration::from_secs(5));
            rotate(&stage, lead, lead.after(Duration::from_secs(24 * 60 * 60 + 60))).await;
            // A server that has not read of the new key yet goes on signing with the old one.
            tokens.push((stage.now(), stage.tokens(&stage.shop).await));
            stage.follow().await;
            tokens.push((stage.now(), stage.tokens(&stage.shop).await));
            stage.advance(Duration::from_secs(5)).await;
        }
        tokens.push((stage.now(), stage.tokens(&stage.shop).await));
        tokens.retain(|(issued_at, _)| stage.now().since(*issued_at) < Duration::from_secs(24 * 60 * 60));
        for (issued_at, tokens) in &tokens {
            let age = stage.now().since(*issued_at);
            assert_eq!(stage.refresh(&tokens.refresh).await.status(), 200, "{age:?} in hour {hour}");
            if age < Duration::from_secs(900) {
                assert_eq!(stage.list(&tokens.access).await.status(), 200, "{age:?} in hour {hour}");
            }
        }
        stage.advance(Duration::from_secs(60 * 60)).await;
    }
}

#[tokio::test]
async fn a_compromised_keys_tokens_are_refused_at_once() {
    let stage = Stage::open().await;
    let old = stage.tokens(&stage.shop).await;
    rotate(&stage, stage.now(), stage.now()).await;
    stage.follow().await;
    assert_refused(&stage.list(&old.access).await, 401, "INVALID_TOKEN");
    assert_refused(&stage.refresh(&old.refresh).await, 401, "INVALID_TOKEN");
    let new = stage.tokens(&stage.shop).await;
    assert_eq!(stage.list(&new.access).await.status(), 200);
    assert_eq!(stage.refresh(&new.refresh).await.status(), 200);

    let stage = stage.restarted().await;
    assert_refused(&stage.list(&old.access).await, 401, "INVALID_TOKEN");
    assert_eq!(stage.list(&new.access).await.status(), 200);
}

#[tokio::test]
async fn tokens_outlive_a_restart_and_no_other_master_key_opens_the_store() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    let stage = stage.restarted().await;
    assert_eq!(stage.list(&tokens.access).await.status(), 200);
    assert_eq!(stage.refresh(&tokens.refresh).await.status(), 200);

    let other: MasterKey =
        "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddee17".parse().unwrap();
    let opened = tollgate_installation::Installation::open(
        stage.config.clone(),
        stage.elsewhere.clone(),
        other,
        stage.clock.clone(),
    )
    .await;
    assert!(matches!(opened.err(), Some(tollgate_admin::OpenError::WrongMasterKey)));
}
