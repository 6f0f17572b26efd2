//! A server whose store or clock is not as it must be: it neither issues nor refuses, and says why.

use std::fs;
use std::time::Duration;

use serde_json::json;
use tollgate_core::Timestamp;
use tollgate_installation::Watcher;

use crate::call::{Call, REFRESH, TOKEN, assert_refused};
use crate::faults::{Fault, Faults};
use crate::stage::{NOW, Stage, Tokens, create};

/// A store with a clock of its own.
const SHARED: (&str, &str) = ("TOLLGATE_DATABASE__URL", "postgres://user@127.0.0.1/store");

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

/// A newer program has taken a step of the schema that it says this one is too old for.
#[tokio::test]
async fn a_server_that_is_too_old_for_its_store_serves_no_more() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let (watcher, tokens) = (watcher(&stage), stage.tokens(&stage.shop).await);
    let store = rusqlite::Connection::open(stage.path()).unwrap();
    store.execute_batch("PRAGMA user_version = 13").unwrap();
    watcher.check_schema().await;
    assert_serving(&stage, &tokens).await;
    store.execute_batch("UPDATE tollgate_schema SET oldest = 13").unwrap();
    watcher.check_schema().await;
    assert_suspended(&stage, &tokens, "the store has schema version 13, this version knows up to 12").await;
    // A store that can't be asked makes nothing better.
    faults.set("schema", Fault::Refuses);
    watcher.check_schema().await;
    assert_suspended(&stage, &tokens, "schema version 13").await;
    faults.clear();
    store.execute_batch("UPDATE tollgate_schema SET oldest = 12").unwrap();
    watcher.check_schema().await;
    assert_serving(&stage, &tokens).await;
    // What can't be understood may be of any program.
    store.execute_batch("UPDATE tollgate_schema SET oldest = -1").unwrap();
    watcher.check_schema().await;
    assert_suspended(&stage, &tokens, "the store is damaged").await;
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

async fn offset(stage: &Stage) -> String {
    let metrics = stage.answer(Call::get("/metrics")).await;
    let name = "\ntollgate_store_clock_offset_seconds ";
    metrics.text().split_once(name).unwrap().1.lines().next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_clock_is_too_far_from_the_stores_serves_no_more_until_it_is_right() {
    for (ahead, says) in [(true, "is 2 s ahead of the store's"), (false, "is 2 s behind the store's")] {
        let faults = Faults::default();
        faults.set_clock(NOW);
        let stage = Stage::with(&[SHARED], |store| faults.in_front_of(store)).await;
        let (watcher, tokens) = (watcher(&stage), stage.tokens(&stage.shop).await);
        let store_clock = |apart: u64| {
            let apart = Duration::from_millis(apart);
            faults.set_clock(if ahead { stage.now().before(apart) } else { stage.now().after(apart) });
        };
        store_clock(2_500);
        for _ in 0..3 {
            watcher.compare_clocks().await;
        }
        assert_serving(&stage, &tokens).await;
        assert_eq!(offset(&stage).await, if ahead { "-2.500" } else { "2.500" });

        store_clock(2_501);
        watcher.compare_clocks().await;
        assert_serving(&stage, &tokens).await;
        watcher.compare_clocks().await;
        assert_suspended(&stage, &tokens, says).await;
        // A store that does not tell its time makes nothing better.
        faults.set("now", Fault::Refuses);
        watcher.compare_clocks().await;
        assert_suspended(&stage, &tokens, says).await;
        faults.clear();

        store_clock(2_000);
        watcher.compare_clocks().await;
        assert_serving(&stage, &tokens).await;
    }
}

/// It does not serve at all before it is right.
#[tokio::test(start_paused = true)]
async fn a_server_that_joins_with_a_clock_that_is_half_a_minute_off_never_serves() {
    let faults = Faults::default();
    faults.set_clock(NOW.after(Duration::from_secs(30)));
    let stage = Stage::with(&[SHARED], |store| faults.in_front_of(store)).await;
    let tokens = Tokens { access: "x".to_owned(), refresh: "x".to_owned() };
    assert_suspended(&stage, &tokens, "is 30 s behind the store's").await;
    faults.set_clock(stage.now());
    watcher(&stage).compare_clocks().await;
    stage.tokens(&stage.shop).await;
}

/// With a greater leeway the clocks may differ by more.
#[tokio::test(start_paused = true)]
async fn the_distance_that_is_allowed_is_half_of_the_leeway_for_tokens_from_the_future() {
    for (leeway, allowed) in [("0s", 1_000), ("1s", 1_000), ("5s", 2_500), ("20s", 10_000)] {
        for (apart, ready) in [(allowed, 200), (allowed + 1, 503)] {
            let faults = Faults::default();
            faults.set_clock(NOW.after(Duration::from_millis(apart)));
            let settings = [SHARED, ("TOLLGATE_TOKENS__IAT_LEEWAY", leeway)];
            let stage = Stage::with(&settings, |store| faults.in_front_of(store)).await;
            let answer = stage.answer(Call::get("/readyz")).await;
            assert_eq!(answer.status(), ready, "{leeway} {apart}: {}", answer.text());
        }
    }
}
