//! Idempotency keys while the store fails.

use std::time::Duration;

use serde_json::json;

use crate::call::{Call, assert_refused};
use crate::faults::{Fault, Faults};
use crate::stage::{Stage, create, payment_id};

#[tokio::test]
async fn while_the_store_fails_nothing_is_created_and_the_key_stays_free() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let token = stage.tokens(&stage.shop).await.access;
    for method in ["begin", "complete"] {
        faults.set(method, Fault::Refuses);
        let reply = stage.answer(create(&token).key("k")).await;
        assert_refused(&reply, 503, "IDEMPOTENCY_STORE_UNAVAILABLE");
        assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
        assert!(!reply.text().contains("secret.db"));
        faults.clear();
        assert_eq!(stage.count().await, 0, "{method}");
    }
    let first = stage.answer(create(&token).key("k")).await;
    assert_eq!((first.status().as_u16(), first.header("idempotent-replayed")), (201, ""));
}

#[tokio::test]
async fn a_key_that_can_t_be_given_back_is_free_when_its_lease_ends() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let token = stage.tokens(&stage.shop).await.access;
    faults.set("complete", Fault::Refuses);
    faults.set("abandon", Fault::Refuses);
    let reply = stage.answer(create(&token).key("k")).await;
    assert_refused(&reply, 503, "IDEMPOTENCY_STORE_UNAVAILABLE");
    faults.clear();
    assert_eq!(stage.answer(create(&token).key("k")).await.status(), 409);
    stage.advance(Duration::from_secs(30)).await;
    assert_eq!(stage.answer(create(&token).key("k")).await.status(), 201);
    assert_eq!(stage.count().await, 1);
}

#[tokio::test]
async fn an_effect_whose_answer_was_lost_is_answered_to_the_repeat() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let token = stage.tokens(&stage.shop).await.access;
    faults.set("complete", Fault::AnswerLost);
    // It is not asked to give the key back: that is another wait, and may be another fault.
    faults.set("abandon", Fault::Panics);
    let reply = stage.answer(create(&token).key("k")).await;
    assert_refused(&reply, 503, "OUTCOME_UNKNOWN");
    assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(!reply.text().to_lowercase().contains("nothing was"), "{}", reply.text());
    assert!(!reply.text().contains("secret.db"));
    faults.clear();
    let repeat = stage.answer(create(&token).key("k")).await;
    assert_eq!((repeat.status().as_u16(), repeat.header("idempotent-replayed")), (201, "true"));
    assert_eq!(stage.count().await, 1);
    let id = payment_id(&repeat);
    let shown = stage.answer(Call::get(&format!("{}/{id}", crate::call::LIST)).bearer(&token)).await;
    assert_eq!(shown.data()["id"], json!(id));
}

#[tokio::test]
async fn a_request_that_panics_leaves_a_key_that_is_free_when_its_lease_ends() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let token = stage.tokens(&stage.shop).await.access;
    faults.set("complete", Fault::Panics);
    assert_refused(&stage.answer(create(&token).key("k")).await, 500, "INTERNAL_ERROR");
    faults.clear();
    stage.advance(Duration::from_secs(30)).await;
    assert_eq!(stage.answer(create(&token).key("k")).await.status(), 201);
    assert_eq!(stage.count().await, 1);
}

#[tokio::test]
async fn without_a_key_a_failing_store_is_unavailable_and_nothing_is_created() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let token = stage.tokens(&stage.shop).await.access;
    faults.set("add_document", Fault::Refuses);
    let reply = stage.answer(create(&token)).await;
    assert_refused(&reply, 503, "UNAVAILABLE");
    assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(stage.count().await, 0);
}
