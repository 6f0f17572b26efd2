//! What was counted, who is refused, and secrets that nobody uses.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::ClientId;

use super::{CLIENTS, Desk};
use crate::call::{Call, TOKEN, assert_refused};

const STATS: &str = "/admin/v1/stats";

#[tokio::test]
async fn who_is_refused_and_why_is_shown_with_times_and_sources() {
    let mut desk = Desk::open().await;
    let kind = desk.stage.kind();
    let client = desk.stage.client(kind).await;
    desk.stage.tokens(&client).await;
    let login = json!({"client_id": client.id, "client_secret": "wrong"});
    let first_at = desk.stage.now().rfc3339();
    for _ in 0..2 {
        assert_refused(&desk.stage.answer(Call::post(TOKEN).json(&login)).await, 401, "INVALID_CLIENT");
        desk.stage.advance(Duration::from_secs(60)).await;
    }
    let last_at = desk.stage.now().before(Duration::from_secs(60)).rfc3339();
    let nobody = json!({"client_id": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "client_secret": "wrong"});
    assert_refused(&desk.stage.answer(Call::post(TOKEN).json(&nobody)).await, 401, "INVALID_CLIENT");

    let stats = desk.get(STATS).await.data();
    let refused = stats["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(
        (&refused[0]["client_id"], &refused[0]["reason"]),
        (&json!(client.id), &json!("wrong_secret"))
    );
    assert_eq!(
        (&refused[0]["count"], &refused[0]["first_at"], &refused[0]["last_at"]),
        (&json!(2), &json!(first_at), &json!(last_at))
    );
    assert_eq!(refused[0]["sources"].as_array().unwrap().len(), 1);
    assert_eq!((&refused[1]["client_id"], &refused[1]["reason"]), (&Value::Null, &json!("unknown_client")));
    assert_eq!(stats["client_refusals"]["wrong_secret"], 2);
    assert_eq!(stats["client_refusals"]["revoked_secret"], 0);
    // That of the operator, too.
    assert_eq!(stats["tokens_issued"], json!({"client_credentials": 2, "refresh_token": 0}));
    assert_eq!(desk.get("/admin/v1/stats?limit=3").await.status(), 400);
}

#[tokio::test]
async fn clients_are_found_by_a_secret_that_nobody_has_used_for_long() {
    let mut desk = Desk::open().await;
    let (kind, begin) = (desk.stage.kind(), desk.stage.now());
    let (used, unused) = (desk.stage.client(kind).await, desk.stage.client(desk.stage.kind()).await);
    let minutes = |minutes: u64| begin.after(Duration::from_secs(60 * minutes));
    desk.stage.advance(Duration::from_secs(60 * 60)).await;
    desk.stage.tokens(&used).await;
    desk.token = desk.stage.tokens(&desk.operator).await.access;
    desk.stage.server.flush_uses().await.unwrap();
    for (before, expected) in [
        (minutes(0), [false, false]),
        (minutes(30), [false, true]),
        (minutes(60), [false, true]),
        (minutes(61), [true, true]),
    ] {
        let query = format!("secret_last_used_before={}&limit=1000", before.rfc3339());
        let found = desk.get(&format!("{CLIENTS}?{query}")).await.data();
        let found = found["items"].as_array().unwrap();
        let is_found = |id: ClientId| found.iter().any(|client| client["client_id"] == json!(id));
        assert_eq!([used.id, unused.id].map(is_found), expected, "{query}");
    }
    // Nobody can use it any more.
    let path = format!("{CLIENTS}/{}/secrets/{}/revoke", unused.id, unused.secret_id);
    assert_eq!(desk.post(&path, &json!({})).await.status(), 200);
    let query = format!("secret_last_used_before={}&limit=1000", minutes(30).rfc3339());
    let found = desk.get(&format!("{CLIENTS}?{query}")).await.data();
    assert!(!found["items"].to_string().contains(&unused.id.to_string()));
    assert_eq!(desk.get(&format!("{CLIENTS}?secret_last_used_before=yesterday")).await.status(), 400);
}
