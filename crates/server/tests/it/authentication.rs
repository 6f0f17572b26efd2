//! How a client proves itself, and what becomes of one that does not.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_store::Status;

use crate::call::{Call, REFRESH, TOKEN, assert_refused, claims};
use crate::stage::{ACT, Kind, NOW, Stage};

#[tokio::test]
async fn every_failed_authentication_is_answered_alike() {
    let mut stage = Stage::open().await;
    let disabled = stage.client(stage.kind()).await;
    let deleted = stage.client(stage.kind()).await;
    let revoked = stage.client(stage.kind()).await;
    let expired = stage.client(stage.kind()).await;
    let now = stage.now();
    let store = stage.elsewhere.clone();
    store.set_client_status(disabled.id, Status::Disabled, now, &ACT).await.unwrap();
    store.delete_client(deleted.id, None, now, &ACT).await.unwrap();
    store.revoke_secret(revoked.id, revoked.secret_id, now, &ACT).await.unwrap();
    let (next, _) = stage.secret(expired.id, None);
    store.add_secret(expired.id, &next, Some(now), now, &ACT).await.unwrap();
    stage.follow().await;

    let (shop, rival) = (stage.shop.clone(), stage.rival.clone());
    let of = |id: &str, secret: &str| json!({"client_id": id, "client_secret": secret});
    let shop_id = shop.id.to_string();
    let bodies = [
        ("an unknown client", of("0191e0a1-5c3b-7def-8123-456789abcdef", &shop.secret)),
        ("the client of zeros", of("00000000-0000-0000-0000-000000000000", &shop.secret)),
        ("an id that is no UUID", of("shop", &shop.secret)),
        ("an id with a NUL", of("\u{0}", &shop.secret)),
        ("a UUID without hyphens", of(&shop_id.replace('-', ""), &shop.secret)),
        ("a wrong secret", of(&shop_id, "wrong")),
        ("an empty-looking secret", of(&shop_id, " ")),
        ("the secret in other letters", of(&shop_id, &shop.secret.to_uppercase())),
        ("the secret but for its end", of(&shop_id, &shop.secret[..shop.secret.len() - 1])),
        ("a longer secret", of(&shop_id, &format!("{}x", shop.secret))),
        ("a very long secret", of(&shop_id, &"x".repeat(60_000))),
        ("another client's secret", of(&shop_id, &rival.secret)),
        ("the client's id as its secret", of(&shop_id, &shop_id)),
        ("a disabled client", disabled.body()),
        ("a deleted client", deleted.body()),
        ("a revoked secret", revoked.body()),
        ("an expired secret", expired.body()),
    ];
    let first = stage.answer(Call::post(TOKEN).json(&bodies[0].1)).await;
    assert_refused(&first, 401, "INVALID_CLIENT");
    assert!(first.header("www-authenticate").starts_with("Basic"));
    for (name, body) in &bodies {
        let reply = stage.answer(Call::post(TOKEN).json(body)).await;
        assert_eq!(reply.without_request_id(), first.without_request_id(), "{name}");
    }

    let basic = |body: &Value| {
        let part = |name: &str| body[name].as_str().unwrap().to_owned();
        Call::post(TOKEN).basic(&part("client_id"), &part("client_secret")).form("")
    };
    for (name, body) in &bodies {
        let reply = stage.answer(basic(body)).await;
        assert_eq!(reply.without_request_id(), first.without_request_id(), "{name} by Basic");
    }
    for line in ["Basic ", "Basic !!!", "Basic YQ==", "Basic /w==", "Basic Og"] {
        let reply = stage.answer(Call::post(TOKEN).header("authorization", line).form("")).await;
        assert_eq!(reply.without_request_id(), first.without_request_id(), "{line}");
    }
}

#[tokio::test]
async fn a_client_bound_to_networks_is_refused_from_elsewhere_once_it_has_proved_itself() {
    let mut stage = Stage::open().await;
    let bound = stage.client(Kind { addresses: &["192.0.2.0/24"], ..stage.kind() }).await;
    let (inside, outside) = ("192.0.2.9".parse().unwrap(), "203.0.113.1".parse().unwrap());
    let call = || Call::post(TOKEN).json(&bound.body());
    assert_refused(&stage.answer_from(outside, call()).await, 403, "FORBIDDEN");
    let data = stage.answer_from(inside, call()).await.data();
    let access = data["access_token"].as_str().unwrap();
    assert_eq!(claims(access)["net"], "192.0.2.0/24");
    let list = || Call::get("/api/v1/payment-requests").bearer(access);
    assert_eq!(stage.answer_from(inside, list()).await.status(), 200);
    assert_refused(&stage.answer_from(outside, list()).await, 403, "FORBIDDEN");
    let refresh = || Call::post(REFRESH).json(&json!({"refresh_token": data["refresh_token"]}));
    assert_eq!(stage.answer_from(inside, refresh()).await.status(), 200);
    assert_refused(&stage.answer_from(outside, refresh()).await, 403, "FORBIDDEN");

    let mut wrong = bound.body();
    wrong["client_secret"] = "wrong".into();
    assert_refused(&stage.answer_from(outside, Call::post(TOKEN).json(&wrong)).await, 401, "INVALID_CLIENT");
}

#[tokio::test(start_paused = true)]
async fn the_31st_failure_in_a_minute_waits_and_no_other_source_is_concerned() {
    let stage = Stage::open().await;
    let mut wrong = stage.shop.body();
    wrong["client_secret"] = "wrong".into();
    for _ in 0..30 {
        assert_refused(&stage.answer(Call::post(TOKEN).json(&wrong)).await, 401, "INVALID_CLIENT");
    }
    for body in [&wrong, &stage.shop.body()] {
        let reply = stage.answer(Call::post(TOKEN).json(body)).await;
        assert_refused(&reply, 429, "TOO_MANY_REQUESTS");
        assert_eq!(reply.header("retry-after"), "2");
    }
    let elsewhere = "203.0.113.9".parse().unwrap();
    let right = || Call::post(TOKEN).json(&stage.shop.body());
    assert_eq!(stage.answer_from(elsewhere, right()).await.status(), 200);
    assert_eq!(stage.answer(Call::post(TOKEN).json(&stage.rival.body())).await.status(), 200);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(stage.answer(right()).await.status(), 200);
}

/// Only time that has passed counts, whatever the clock on the wall is set to.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_neither_locks_a_client_out_nor_lets_a_guesser_off() {
    let stage = Stage::open().await;
    let wrong = json!({"client_id": stage.shop.id, "client_secret": "wrong"});
    let hour = Duration::from_secs(60 * 60);
    assert_refused(&stage.answer(Call::post(TOKEN).json(&wrong)).await, 401, "INVALID_CLIENT");
    stage.clock.set(NOW.before(hour));
    stage.follow().await;
    assert_eq!(stage.answer(Call::post(TOKEN).json(&stage.shop.body())).await.status(), 200);
    for _ in 0..29 {
        assert_refused(&stage.answer(Call::post(TOKEN).json(&wrong)).await, 401, "INVALID_CLIENT");
    }
    stage.clock.set(NOW.after(hour));
    stage.follow().await;
    let reply = stage.answer(Call::post(TOKEN).json(&wrong)).await;
    assert_refused(&reply, 429, "TOO_MANY_REQUESTS");
    assert_eq!(reply.header("retry-after"), "2");
}

#[tokio::test]
async fn another_spelling_of_a_client_id_is_no_other_client() {
    let stage = Stage::open().await;
    let lower = stage.shop.id.to_string();
    let mut wrong = stage.shop.body();
    wrong["client_secret"] = "wrong".into();
    for at in 0..30 {
        let mut spelled = lower.clone();
        spelled[at..=at].make_ascii_uppercase();
        wrong["client_id"] = spelled.into();
        assert_refused(&stage.answer(Call::post(TOKEN).json(&wrong)).await, 401, "INVALID_CLIENT");
    }
    for spelled in [lower.to_uppercase(), lower] {
        wrong["client_id"] = spelled.into();
        assert_refused(&stage.answer(Call::post(TOKEN).json(&wrong)).await, 429, "TOO_MANY_REQUESTS");
    }
}

#[tokio::test]
async fn problems_and_successes_are_no_failed_attempts() {
    let stage = Stage::open().await;
    for _ in 0..40 {
        assert_eq!(stage.answer(Call::post(TOKEN).json(&stage.shop.body())).await.status(), 200);
        let empty = json!({"client_id": stage.shop.id, "client_secret": ""});
        assert_eq!(stage.answer(Call::post(TOKEN).json(&empty)).await.status(), 400);
    }
}

#[tokio::test]
async fn an_id_or_secret_that_is_no_utf_8_stands_for_no_other() {
    let stage = Stage::open().await;
    let id = stage.shop.id.to_string();
    for (id, secret) in [(id.as_str(), "%FF"), (id.as_str(), "%C3"), ("%FF", stage.shop.secret.as_str())] {
        use base64::Engine;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
        let line = format!("Basic {pair}");
        let reply = stage.answer(Call::post(TOKEN).header("authorization", line).json(&json!({}))).await;
        assert_refused(&reply, 401, "INVALID_CLIENT");
    }
}
