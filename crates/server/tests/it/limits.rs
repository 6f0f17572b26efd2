//! What one source and one merchant may take.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::call::{Call, INTROSPECT, TOKEN, assert_refused};
use crate::stage::{Stage, create};

/// A stage with settings of `[limits]`, and what it has counted for one of them.
async fn limited(settings: &[(&str, &str)]) -> Stage {
    Stage::with(settings, |store| Arc::new(store)).await
}

async fn exceeded(stage: &Stage, limit: &str) -> u64 {
    let metrics = stage.answer(Call::get("/metrics")).await;
    let name = format!("tollgate_limit_exceeded_total{{limit=\"{limit}\"}} ");
    let line = metrics.text().lines().find_map(|line| line.strip_prefix(&name)).unwrap();
    line.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn failures_of_one_source_count_over_all_clients() {
    let stage = limited(&[("TOLLGATE_LIMITS__SOURCE_AUTH_FAILURES", "4/min")]).await;
    let wrong = |id: &str| Call::post(TOKEN).json(&json!({"client_id": id, "client_secret": "wrong"}));
    let right = || Call::post(TOKEN).json(&stage.shop.body());
    for n in 0..4 {
        assert_refused(&stage.answer(wrong(&format!("guess {n}"))).await, 401, "INVALID_CLIENT");
    }
    for call in
        [wrong("another guess"), right(), Call::post(INTROSPECT).form("token=x&client_id=a&client_secret=b")]
    {
        let reply = stage.answer(call).await;
        assert_eq!((reply.status().as_u16(), reply.header("retry-after")), (429, "15"));
    }
    assert_eq!(exceeded(&stage, "source_auth_failures").await, 3);
    assert_eq!(stage.answer_from("203.0.113.9".parse().unwrap(), right()).await.status(), 200);
    tokio::time::advance(Duration::from_secs(15)).await;
    assert_eq!(stage.answer(right()).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_not_enforced_is_counted_and_refuses_nobody() {
    let stage = limited(&[
        ("TOLLGATE_LIMITS__SOURCE_AUTH_FAILURES", "1/min"),
        ("TOLLGATE_LIMITS__MERCHANT_CREATES", "1/min"),
        ("TOLLGATE_LIMITS__ENFORCE", "false"),
    ])
    .await;
    let token = stage.tokens(&stage.shop).await.access;
    for n in 0..5 {
        let wrong = json!({"client_id": format!("guess {n}"), "client_secret": "wrong"});
        assert_refused(&stage.answer(Call::post(TOKEN).json(&wrong)).await, 401, "INVALID_CLIENT");
        assert_eq!(stage.answer(create(&token)).await.status(), 201);
    }
    for limit in ["source_auth_failures", "merchant_creates"] {
        assert_eq!(exceeded(&stage, limit).await, 4, "{limit}");
    }
}

/// Everybody would be locked out with one of them.
#[tokio::test(start_paused = true)]
async fn sources_are_not_limited_behind_a_proxy_that_is_not_named() {
    let limit = ("TOLLGATE_LIMITS__SOURCE_AUTH_FAILURES", "1/min");
    let stage = limited(&[limit, ("TOLLGATE_PUBLIC_URL", "https://pay.example.com")]).await;
    for n in 0..3 {
        let wrong = json!({"client_id": format!("guess {n}"), "client_secret": "wrong"});
        assert_refused(&stage.answer(Call::post(TOKEN).json(&wrong)).await, 401, "INVALID_CLIENT");
    }
    assert_eq!(exceeded(&stage, "source_auth_failures").await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_merchant_over_its_limit_creates_nothing_and_takes_no_key() {
    let stage = limited(&[("TOLLGATE_LIMITS__MERCHANT_CREATES", "2/min")]).await;
    let token = stage.tokens(&stage.shop).await.access;
    for key in ["one", "two"] {
        assert_eq!(stage.answer(create(&token).key(key)).await.status(), 201);
    }
    let reply = stage.answer(create(&token).key("three")).await;
    assert_refused(&reply, 429, "TOO_MANY_REQUESTS");
    assert_eq!(reply.header("retry-after"), "30");
    let rival = stage.tokens(&stage.rival).await.access;
    assert_eq!(stage.answer(create(&rival)).await.status(), 201);
    tokio::time::advance(Duration::from_secs(30)).await;
    let reply = stage.answer(create(&token).key("three")).await;
    assert_eq!(reply.status(), 201);
    assert!(reply.header("idempotent-replayed").is_empty());
    assert_eq!(exceeded(&stage, "merchant_creates").await, 1);
}
