//! `POST /api/v1/oauth2/refresh`.

use std::time::Duration;

use serde_json::json;
use tollgate_core::{Algorithm, Claims, Environment, Generation, KeyId, Timestamp, TokenId, TokenKind};
use tollgate_keys::{SigningKey, SigningRing};
use tollgate_store::Status;

use crate::call::{Call, REFRESH, TOKEN, assert_refused, claims};
use crate::stage::{ACT, NOW, Stage};

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_exactly_three_members() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    let reply = stage.refresh(&tokens.refresh).await;
    let data = reply.data();
    let mut keys: Vec<_> = data.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    assert_eq!(keys, ["access_token", "expires_in", "token_type"]);
    assert_eq!((&data["token_type"], &data["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert!(reply.text().starts_with(r#"{"success":true,"data":{"access_token":"eyJ"#));
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("pragma"), "no-cache");
    let access = data["access_token"].as_str().unwrap();
    assert_eq!(stage.list(access).await.status(), 200);
    assert_ne!(claims(access)["jti"], claims(&tokens.access)["jti"]);
}

#[tokio::test]
async fn the_new_access_token_has_the_scope_of_the_refresh_token() {
    let stage = Stage::open().await;
    let mut body = stage.shop.body();
    body["scope"] = "payments:read".into();
    let data = stage.answer(Call::post(TOKEN).json(&body)).await.data();
    let refresh = &data["refresh_token"];
    for body in [
        json!({"refresh_token": refresh}),
        json!({"refresh_token": refresh, "scope": "payments:read payments:write"}),
        json!({"refresh_token": refresh, "scope": "payments:refund", "aud": "*", "ttl": 9e9}),
    ] {
        let refreshed = stage.answer(Call::post(REFRESH).json(&body)).await.data();
        let claims = claims(refreshed["access_token"].as_str().unwrap());
        assert_eq!((&claims["scope"], &claims["aud"]), (&json!("payments:read"), &json!("payment-api")));
    }
}

#[tokio::test]
async fn a_refresh_token_is_reused_until_its_end_which_does_not_move() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    for _ in 0..95 {
        stage.advance(Duration::from_secs(15 * 60)).await;
        let access = stage.refresh(&tokens.refresh).await.data();
        assert_eq!(stage.list(access["access_token"].as_str().unwrap()).await.status(), 200);
    }
    stage.advance(Duration::from_millis(15 * 60 * 1000 - 1)).await;
    let last = stage.refresh(&tokens.refresh).await.data();
    // An access token of the last second lives its whole 15 minutes, past the end of the refresh token.
    assert_eq!(claims(last["access_token"].as_str().unwrap())["exp"], NOW.seconds() + 86_399 + 900);
    stage.advance(Duration::from_millis(1)).await;
    assert_refused(&stage.refresh(&tokens.refresh).await, 401, "INVALID_TOKEN");
    assert_eq!(stage.list(last["access_token"].as_str().unwrap()).await.status(), 200);
}

#[tokio::test]
async fn a_thousand_refreshes_within_a_second_all_succeed() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    for _ in 0..1_000 {
        assert_eq!(stage.refresh(&tokens.refresh).await.status(), 200);
    }
}

#[tokio::test]
async fn what_is_no_refresh_token_is_answered_like_any_other() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    let foreign = foreign(&stage);
    let (signed, signature) = tokens.refresh.rsplit_once('.').unwrap();
    let (other_signed, _) = tokens.access.rsplit_once('.').unwrap();
    let first = stage.refresh("x").await;
    assert_refused(&first, 401, "INVALID_TOKEN");
    assert_eq!(first.header("www-authenticate"), "Bearer realm=\"payment-api\", error=\"invalid_token\"");
    for (name, token) in [
        ("an access token", tokens.access.clone()),
        ("another installation's", foreign),
        ("no signature", format!("{signed}.")),
        ("another payload", format!("{other_signed}.{signature}")),
        ("a twin", format!("{}=", tokens.refresh)),
        ("a space before", format!(" {}", tokens.refresh)),
        ("a scheme before", format!("Bearer {}", tokens.refresh)),
        ("dots", ".".repeat(50_000)),
        ("a long one", "e".repeat(60_000)),
        ("a NUL", "\u{0}".to_owned()),
        ("not ASCII", "é".to_owned()),
    ] {
        let reply = stage.refresh(&token).await;
        assert_eq!(reply.without_request_id(), first.without_request_id(), "{name}");
    }
    assert_eq!(stage.refresh(&tokens.refresh).await.status(), 200);
}

/// A refresh token as another installation would issue it to our client.
fn foreign(stage: &Stage) -> String {
    let key = SigningKey::derive(KeyId::from_bytes([1; 16]), &[7; 32], Timestamp::from_seconds(0), None);
    let policy = stage.installation.verifier().keyring().policy().clone();
    let claims = Claims {
        issuer: &policy.issuer.clone(),
        subject: stage.shop.id,
        audience: &policy.audience.clone(),
        issued_at: NOW,
        expires_at: NOW.after(Duration::from_secs(86_400)),
        id: TokenId::from_bytes([1; 16]),
        scope: "payments:read",
        merchant_id: Some(stage.merchant),
        environment: Environment::Test,
        secret_id: stage.shop.secret_id,
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        made_with: None,
        addresses: None,
    };
    let mut token = Vec::new();
    SigningRing::new(&policy.issuer, vec![key])
        .mint(TokenKind::Refresh, Algorithm::Hs256, &claims, NOW, &mut token)
        .unwrap();
    String::from_utf8(token).unwrap()
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    assert_refused(&stage.list(&tokens.refresh).await, 401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_missing_or_ill_typed_refresh_token_is_named() {
    let stage = Stage::open().await;
    for body in [
        json!({}),
        json!({"refresh_token": null}),
        json!({"refresh_token": ""}),
        json!({"refresh_token": 1}),
        json!({"refresh_token": ["x"]}),
        json!({"Refresh_Token": "x"}),
    ] {
        let reply = stage.answer(Call::post(REFRESH).json(&body)).await;
        assert_eq!(reply.fields(), ["refresh_token"], "{body}");
    }
    let twice = r#"{"refresh_token":"x","refresh_token":"y"}"#;
    let reply = stage.answer(Call::post(REFRESH).body("application/json", twice)).await;
    assert_eq!(reply.fields(), ["refresh_token"]);
    let reply = stage.answer(Call::post(REFRESH).body("application/json", "[]")).await;
    assert_eq!(reply.fields(), ["body"]);
}

#[tokio::test]
async fn a_token_in_the_header_or_the_query_is_not_looked_at() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    let target = format!("{REFRESH}?refresh_token={}", tokens.refresh);
    let call = Call::post(&target).bearer(&tokens.refresh).json(&json!({}));
    assert_eq!(stage.answer(call).await.fields(), ["refresh_token"]);
}

#[tokio::test]
async fn a_refresh_asks_whether_client_and_secret_are_still_good() {
    let mut stage = Stage::open().await;
    let store = stage.elsewhere.clone();
    let disabled = stage.client(stage.kind()).await;
    let deleted = stage.client(stage.kind()).await;
    let revoked = stage.client(stage.kind()).await;
    let expiring = stage.client(stage.kind()).await;
    let mut tokens = Vec::new();
    for client in [&disabled, &deleted, &revoked, &expiring] {
        tokens.push(stage.tokens(client).await.refresh);
    }
    let now = stage.now();
    store.set_client_status(disabled.id, Status::Disabled, now, &ACT).await.unwrap();
    store.delete_client(deleted.id, None, now, &ACT).await.unwrap();
    store.revoke_secret(revoked.id, revoked.secret_id, now, &ACT).await.unwrap();
    let (next, _) = stage.secret(expiring.id, None);
    let expiry = now.after(Duration::from_secs(60));
    store.add_secret(expiring.id, &next, Some(expiry), now, &ACT).await.unwrap();
    stage.follow().await;

    let unknown = stage.refresh("x").await;
    for token in &tokens[..3] {
        let reply = stage.refresh(token).await;
        assert_eq!(reply.without_request_id(), unknown.without_request_id());
    }
    stage.advance(Duration::from_millis(59_999)).await;
    assert_eq!(stage.refresh(&tokens[3]).await.status(), 200);
    stage.advance(Duration::from_millis(1)).await;
    assert_refused(&stage.refresh(&tokens[3]).await, 401, "INVALID_TOKEN");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_refreshes_at_once_all_succeed_with_names_of_their_own() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let server = stage.server.clone();
        let call = Call::post(REFRESH).json(&json!({"refresh_token": tokens.refresh}));
        running.spawn(async move { crate::stage::answer(&server, crate::stage::PEER, call.whole()).await });
    }
    let mut names = std::collections::HashSet::new();
    for reply in running.join_all().await {
        names.insert(claims(reply.data()["access_token"].as_str().unwrap())["jti"].to_string());
    }
    assert_eq!(names.len(), 100);
}
