//! A server that is cut off from the store: within the bound it goes on, past it it does what the configuration says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_config::LogFormat;
use tracing_subscriber::prelude::*;

use crate::call::{
    Call, INTROSPECT, LIST, OAUTH_TOKEN, REFRESH, REVOKE, TOKEN, assert_oauth_refused, assert_refused,
};
use crate::faults::{Fault, Faults};
use crate::oauth::post_as;
use crate::stage::{Stage, create};

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
/// As long as what is known counts, but for a millisecond.
const ALMOST_A_MINUTE: Duration = Duration::from_millis(59_999);
const SERVE: &[(&str, &str)] = &[("TOLLGATE_TOKENS__WHEN_STALE", "serve")];

/// What is logged.
#[derive(Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Logs until what it returns is dropped.
    fn start(&self) -> impl Sized + use<> {
        let written = self.0.clone();
        let layer = tollgate_log::layer(LogFormat::Json, move |line: &[u8], _| {
            written.lock().unwrap().extend_from_slice(line);
        });
        // While there is one subscriber only, the first thread to reach an event decides for all whether it is wanted.
        let second = tracing::Dispatch::new(tracing_subscriber::registry());
        (second, tracing::subscriber::set_default(tracing_subscriber::registry().with(layer)))
    }

    /// Level and message of each line that a module has written.
    fn of(&self, module: &str) -> Vec<String> {
        let written = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = written.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
        lines
            .filter(|line| line["target"] == module)
            .map(|line| format!("{} {}", text(&line, "level"), text(&line, "msg")))
            .collect()
    }
}

async fn metric(stage: &Stage, name: &str) -> u64 {
    let reply = stage.answer(Call::get("/metrics")).await;
    let line =
        reply.text().lines().find_map(|line| line.strip_prefix(&format!("{name} "))).unwrap().to_owned();
    line.parse().unwrap()
}

#[tokio::test]
async fn within_the_bound_a_server_goes_on_with_what_it_knows() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    stage.clock.advance(ALMOST_A_MINUTE);
    stage.tokens(&stage.shop).await;
    assert_eq!(stage.list(&tokens.access).await.status(), 200);
    assert_eq!(stage.refresh(&tokens.refresh).await.status(), 200);
    assert_eq!(stage.answer(Call::get("/readyz")).await.data(), json!({"status": "ready"}));
    assert_eq!(metric(&stage, "tollgate_stale").await, 0);
    assert_eq!(metric(&stage, "tollgate_change_log_unread_seconds").await, 59);
}

#[tokio::test]
async fn past_the_bound_it_neither_issues_nor_checks_until_it_has_read_again() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    stage.clock.advance(MINUTE);
    let mut wrong = stage.shop.body();
    wrong["client_secret"] = "wrong".into();
    for call in [
        Call::post(TOKEN).json(&stage.shop.body()),
        // Not even a wrong secret is called wrong: it may be new.
        Call::post(TOKEN).json(&wrong),
        Call::post(REFRESH).json(&json!({"refresh_token": tokens.refresh})),
        Call::get(LIST).bearer(&tokens.access),
        create(&tokens.access),
        Call::get(LIST).bearer("x"),
    ] {
        let reply = stage.answer(call).await;
        assert_refused(&reply, 503, "UNAVAILABLE");
        assert_eq!(reply.header("retry-after"), "1");
    }
    for (path, form) in [
        (OAUTH_TOKEN, "grant_type=client_credentials".to_owned()),
        (OAUTH_TOKEN, format!("grant_type=refresh_token&refresh_token={}", tokens.refresh)),
        (INTROSPECT, format!("token={}", tokens.access)),
        (REVOKE, format!("token={}", tokens.access)),
    ] {
        let reply = stage.answer(post_as(&stage.shop, path, &form)).await;
        assert_oauth_refused(&reply, 503, "temporarily_unavailable");
        assert_eq!(reply.header("retry-after"), "1");
    }
    assert_refused(&stage.answer(Call::get(LIST)).await, 401, "NO_TOKEN");
    assert_refused(&stage.answer(Call::get("/readyz")).await, 503, "UNAVAILABLE");
    assert_eq!(metric(&stage, "tollgate_stale").await, 1);
    assert_eq!(metric(&stage, "tollgate_ready").await, 0);

    stage.follow().await;
    assert_eq!(stage.list(&tokens.access).await.status(), 200);
    stage.tokens(&stage.shop).await;
    assert_eq!(metric(&stage, "tollgate_stale").await, 0);
    assert_eq!(metric(&stage, "tollgate_ready").await, 1);
}

#[tokio::test]
async fn refusing_for_being_cut_off_is_no_failed_attempt_of_the_client() {
    let stage = Stage::open().await;
    stage.clock.advance(MINUTE);
    for _ in 0..40 {
        let reply = stage.answer(Call::post(TOKEN).json(&stage.shop.body())).await;
        assert_refused(&reply, 503, "UNAVAILABLE");
    }
    stage.follow().await;
    stage.tokens(&stage.shop).await;
}

#[tokio::test]
async fn where_availability_comes_first_it_goes_on_and_says_so() {
    let stage = Stage::with(SERVE, |store| Arc::new(store)).await;
    stage.clock.advance(100 * MINUTE);
    let tokens = stage.tokens(&stage.shop).await;
    assert_eq!(stage.list(&tokens.access).await.status(), 200);
    assert_eq!(stage.refresh(&tokens.refresh).await.status(), 200);
    let ready = stage.answer(Call::get("/readyz")).await;
    assert_eq!(ready.data(), json!({"status": "ready", "stale": true}));
    assert_eq!(metric(&stage, "tollgate_stale").await, 1);
    assert_eq!(metric(&stage, "tollgate_ready").await, 1);
    assert_eq!(metric(&stage, "tollgate_change_log_unread_seconds").await, 6_000);

    // What another key has signed may be good: nothing is called wrong that may be right.
    let (signed, _) = tokens.access.rsplit_once('.').unwrap();
    let other = format!("{signed}.{}", "A".repeat(43));
    assert_refused(&stage.list(&other).await, 503, "UNAVAILABLE");
    for (path, token) in [(INTROSPECT, &other), (REVOKE, &other)] {
        let reply = stage.answer(post_as(&stage.shop, path, &format!("token={token}"))).await;
        assert_oauth_refused(&reply, 503, "temporarily_unavailable");
    }
    let form = format!("token={}&token_type_hint=refresh_token", tokens.refresh);
    let reply = stage.answer(post_as(&stage.shop, INTROSPECT, &form)).await;
    assert_eq!(reply.json()["active"], true, "a refresh token is no unknown access token");
    stage.follow().await;
    assert_refused(&stage.list(&other).await, 401, "INVALID_TOKEN");
}

#[tokio::test]
async fn the_bound_is_a_setting() {
    let stage = Stage::with(&[("TOLLGATE_TOKENS__STALE_AFTER", "5s")], |store| Arc::new(store)).await;
    stage.clock.advance(Duration::from_millis(4_999));
    let token = stage.tokens(&stage.shop).await.access;
    stage.clock.advance(MILLISECOND);
    assert_refused(&stage.list(&token).await, 503, "UNAVAILABLE");
}

/// A clock that is set back while the store is away must not make what is known count for longer.
#[tokio::test]
async fn a_clock_that_is_set_back_does_not_prolong_the_bound() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    faults.set("changes_since", Fault::Refuses);
    let start = stage.now();
    stage.clock.set(start.before(60 * MINUTE));
    stage.try_to_follow().await;
    let token = stage.tokens(&stage.shop).await.access;
    stage.clock.advance(ALMOST_A_MINUTE);
    stage.try_to_follow().await;
    assert_eq!(stage.list(&token).await.status(), 200);
    stage.clock.advance(MILLISECOND);
    stage.try_to_follow().await;
    assert_refused(&stage.list(&token).await, 503, "UNAVAILABLE");
    faults.clear();
    stage.try_to_follow().await;
    assert_eq!(stage.list(&token).await.status(), 200);
}

#[tokio::test]
async fn a_change_of_state_is_one_line_in_the_log() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let log = Lines::default();
    let logging = log.start();
    faults.set("changes_since", Fault::Refuses);
    for _ in 0..10 {
        stage.clock.advance(MINUTE / 4);
        stage.try_to_follow().await;
        stage.list("x").await;
    }
    faults.clear();
    for _ in 0..3 {
        stage.try_to_follow().await;
    }
    drop(logging);
    assert_eq!(
        log.of("tollgate_installation::follower"),
        [
            "ERROR changes made elsewhere can't be read",
            "ERROR changes made elsewhere were not read for too long: tokens are refused",
            "INFO changes made elsewhere are read again",
            "INFO tokens are issued and checked by all that was changed elsewhere",
        ]
    );
}
