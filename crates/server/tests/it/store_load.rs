//! What the metrics say of the store.

use crate::call::Call;
use crate::stage::{Stage, create};

/// The value of a metric, by its name with its labels.
async fn metric(stage: &Stage, name: &str) -> u64 {
    let metrics = stage.answer(Call::get("/metrics")).await;
    let value = metrics.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name}")).parse().unwrap()
}

#[tokio::test]
async fn what_the_store_does_is_measured_by_kind_and_a_token_costs_it_nothing() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    let done = "tollgate_store_duration_seconds_count{operation=\"idempotency\"}";
    let (read, written) = (
        "tollgate_store_duration_seconds_count{operation=\"read\"}",
        "tollgate_store_duration_seconds_count{operation=\"write\"}",
    );
    let before = (metric(&stage, read).await, metric(&stage, written).await);
    stage.tokens(&stage.shop).await;
    assert_eq!((metric(&stage, read).await, metric(&stage, written).await), before);
    assert_eq!(metric(&stage, done).await, 0);
    assert_eq!(stage.answer(create(&token).key("1")).await.status(), 201);
    assert_eq!(metric(&stage, done).await, 2, "the key is taken, and its answer written");
    let longest = "tollgate_store_duration_seconds_bucket{operation=\"idempotency\",le=\"+Inf\"}";
    assert_eq!(metric(&stage, longest).await, 2);
}

#[tokio::test]
async fn what_waits_for_the_store_and_how_much_may_is_shown() {
    let stage = Stage::open().await;
    for queue in ["reader", "writer"] {
        assert_eq!(metric(&stage, &format!("tollgate_store_waiting{{queue=\"{queue}\"}}")).await, 0);
        let limit = format!("tollgate_store_waiting_limit{{queue=\"{queue}\"}}");
        assert_eq!(metric(&stage, &limit).await, 4096);
    }
    assert!(metric(&stage, "tollgate_store_wait_seconds_count").await > 0);
    let metrics = stage.answer(Call::get("/metrics")).await;
    assert!(!metrics.text().contains("tollgate_store_connections"), "a file has none");
    for kind in ["read", "write", "idempotency", "change_log"] {
        let failures = format!("tollgate_store_failures_total{{operation=\"{kind}\"}}");
        assert_eq!(metric(&stage, &failures).await, 0);
    }
}
