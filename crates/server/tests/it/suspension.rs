//! A server whose store or clock is not as it must be: it neither issues nor refuses, and says why.

use std::fs;

use serde_json::json;
use tollgate_core::Timestamp;
use tollgate_server::Watcher;

use crate::call::{Call, REFRESH, TOKEN, assert_refused};
use crate::stage::{Stage, Tokens, create};

fn watcher(stage: &Stage) -> Watcher {
    Watcher::new(stage.installation.clone())
}

/// Nothing is said of any client or token.
async fn assert_suspended(stage: &Stage, tokens: &Tokens, why: &str) {
    for call in [
        Call::post(TOKEN).json(&stage.shop.body()),
        Call::post(REFRESH).json(&json!({"refresh_token": tokens.refresh})),
        Call::get("/api/v1/payment-requests").bearer(&tokens.access),
        create(&tokens.access),
    ] {
        let reply = stage.answer(call).await;
        assert_refused(&reply, 503, "UNAVAILABLE");
        assert_eq!(reply.header("retry-after"), "1");
        assert!(!reply.text().contains(why), "callers need not know: {}", reply.text());
    }
    let ready = stage.answer(Call::get("/readyz")).await;
    assert_refused(&ready, 503, "UNAVAILABLE");
    assert!(ready.text().contains(why), "{}", ready.text());
}

async fn assert_serving(stage: &Stage, tokens: &Tokens) {
    stage.tokens(&stage.shop).await;
    assert_eq!(stage.list(&tokens.access).await.status(), 200);
    assert_eq!(stage.answer(Call::get("/readyz")).await.status(), 200);
}

#[tokio::test]
async fn a_server_whose_store_was_moved_away_serves_no_more_until_it_is_back() {
    let stage = Stage::open().await;
    let (watcher, tokens) = (watcher(&stage), stage.tokens(&stage.shop).await);
    watcher.step().await;
    assert_serving(&stage, &tokens).await;

    let aside = stage.path().with_file_name("aside.db");
    fs::rename(stage.path(), &aside).unwrap();
    watcher.step().await;
    assert_suspended(&stage, &tokens, "tollgate.db was removed or moved").await;
    // It still reads the log of the file that it has open.
    stage.follow().await;
    assert_suspended(&stage, &tokens, "tollgate.db was removed or moved").await;

    fs::copy(&aside, stage.path()).unwrap();
    watcher.step().await;
    assert_suspended(&stage, &tokens, "tollgate.db was replaced by another file").await;

    fs::rename(&aside, stage.path()).unwrap();
    watcher.step().await;
    assert_serving(&stage, &tokens).await;
}

/// Not even until somebody has looked, and although what is old may be served.
#[tokio::test]
async fn a_server_whose_clock_falls_back_to_before_2020_serves_no_more_until_it_is_set() {
    let serve = [("TOLLGATE_TOKENS__WHEN_STALE", "serve")];
    let stage = Stage::with(&serve, |store| std::sync::Arc::new(store)).await;
    let (watcher, tokens) = (watcher(&stage), stage.tokens(&stage.shop).await);
    let before = stage.now();
    stage.clock.set(Timestamp::from_millis(Timestamp::YEAR_2020.millis() - 1));
    let refused = stage.answer(Call::post(TOKEN).json(&stage.shop.body())).await;
    assert_refused(&refused, 503, "UNAVAILABLE");
    watcher.step().await;
    assert_suspended(&stage, &tokens, "before 2020").await;
    stage.clock.set(before);
    stage.follow().await;
    watcher.step().await;
    assert_serving(&stage, &tokens).await;
}
