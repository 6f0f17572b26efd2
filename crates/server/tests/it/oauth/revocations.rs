//! `GET /oauth2/revocations`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_admin::clients;
use tollgate_admin::merchants::{self, NewMerchant};

use super::{revoke, said};
use crate::call::{Call, assert_oauth_refused, assert_refused};
use crate::stage::{Credentials, Kind, SYSTEM, Stage};

const REVOCATIONS: &str = "/oauth2/revocations";

/// A stage with a guard's token.
async fn watched() -> (Stage, String) {
    let mut stage = Stage::open().await;
    let guard = stage.client(Kind { merchant: None, scope: "tollgate:verify", ..stage.kind() }).await;
    let token = stage.tokens(&guard).await.access;
    (stage, token)
}

async fn news(stage: &Stage, token: &str, after: Option<&str>) -> Value {
    let target = after.map_or_else(|| REVOCATIONS.to_owned(), |after| format!("{REVOCATIONS}?after={after}"));
    said(&stage.answer(Call::get(&target).bearer(token)).await)
}

async fn disable(stage: &Stage, client: &Credentials) {
    clients::disable(&stage.installation.administration(), client.id, &SYSTEM).await.unwrap();
}

#[tokio::test]
async fn a_guard_reads_everything_first_and_then_what_came_since() {
    let (stage, token) = watched().await;
    let first = news(&stage, &token, None).await;
    assert_eq!((&first["complete"], &first["revocations"]), (&json!(true), &json!([])));
    let shop = stage.tokens(&stage.shop).await;
    revoke(&stage, &stage.shop, &shop.access).await;
    let next = news(&stage, &token, first["position"].as_str()).await;
    let jti = crate::call::claims(&shop.access)["jti"].clone();
    assert_eq!((&next["complete"], &next["revocations"][0]["id"]), (&json!(false), &jti));
    assert_eq!(next["revocations"].as_array().unwrap().len(), 1);
    disable(&stage, &stage.rival).await;
    stage.follow().await;
    let last = news(&stage, &token, next["position"].as_str()).await;
    let entry = &last["revocations"][0];
    assert_eq!((&entry["kind"], &entry["id"]), (&json!("client"), &json!(stage.rival.id)));
    assert_eq!(entry["before_generation"], 1);
    let whole = news(&stage, &token, None).await;
    assert_eq!(whole["revocations"].as_array().unwrap().len(), 2);
    assert_eq!(whole["position"], last["position"]);
}

#[tokio::test(start_paused = true)]
async fn a_guard_waits_for_half_a_minute_where_there_is_nothing() {
    let (stage, token) = watched().await;
    let position = news(&stage, &token, None).await["position"].as_str().unwrap().to_owned();
    let start = tokio::time::Instant::now();
    let nothing = news(&stage, &token, Some(&position)).await;
    assert_eq!((&nothing["revocations"], nothing["position"].as_str()), (&json!([]), Some(&*position)));
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn a_guard_that_waits_is_told_as_soon_as_there_is_something() {
    let (stage, token) = watched().await;
    let stage = Arc::new(stage);
    let position = news(&stage, &token, None).await["position"].as_str().unwrap().to_owned();
    let waiting = tokio::spawn({
        let (stage, token, position) = (stage.clone(), token.clone(), position.clone());
        async move { news(&stage, &token, Some(&position)).await }
    });
    tokio::task::yield_now().await;
    disable(&stage, &stage.rival).await;
    stage.follow().await;
    let told = waiting.await.unwrap();
    assert_eq!(told["revocations"][0]["id"], json!(stage.rival.id));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_lets_go_of_those_that_wait() {
    let (stage, token) = watched().await;
    let position = news(&stage, &token, None).await["position"].as_str().unwrap().to_owned();
    stage.server.start_draining();
    let start = tokio::time::Instant::now();
    news(&stage, &token, Some(&position)).await;
    assert!(start.elapsed() <= Duration::from_secs(1));
}

#[tokio::test]
async fn what_was_revoked_behind_more_changes_than_are_read_at_once_is_told_without_waiting_for_others() {
    let (stage, token) = watched().await;
    let position = news(&stage, &token, None).await["position"].as_str().unwrap().to_owned();
    let mut creating = tokio::task::JoinSet::new();
    for number in 0..1_001 {
        let installation = stage.installation.clone();
        creating.spawn(async move {
            let new = NewMerchant { id: None, name: format!("Shop {number}").parse().unwrap() };
            merchants::create(&installation.administration(), new, &SYSTEM).await.unwrap();
        });
    }
    creating.join_all().await;
    disable(&stage, &stage.rival).await;
    stage.follow().await;
    let told = news(&stage, &token, Some(&position)).await;
    assert_eq!((&told["complete"], &told["revocations"][0]["id"]), (&json!(false), &json!(stage.rival.id)));
}

#[tokio::test]
async fn a_position_of_another_history_is_answered_with_the_whole_list_and_no_position_is_refused() {
    let (stage, token) = watched().await;
    disable(&stage, &stage.rival).await;
    stage.follow().await;
    let other = format!("999-{}", "f".repeat(32));
    let whole = news(&stage, &token, Some(&other)).await;
    assert_eq!((&whole["complete"], whole["revocations"].as_array().unwrap().len()), (&json!(true), 1));
    for bad in ["", "x", "1", "1-x", "-1-0"] {
        let reply = stage.answer(Call::get(&format!("{REVOCATIONS}?after={bad}")).bearer(&token)).await;
        assert_oauth_refused(&reply, 400, "invalid_request");
    }
}

#[tokio::test]
async fn only_a_token_with_the_scope_is_told() {
    let (stage, token) = watched().await;
    assert_refused(&stage.answer(Call::get(REVOCATIONS)).await, 401, "NO_TOKEN");
    let shop = stage.tokens(&stage.shop).await.access;
    assert_refused(&stage.answer(Call::get(REVOCATIONS).bearer(&shop)).await, 403, "FORBIDDEN");
    let reply = stage.answer(Call::post(REVOCATIONS).bearer(&token)).await;
    assert_oauth_refused(&reply, 405, "invalid_request");
}
