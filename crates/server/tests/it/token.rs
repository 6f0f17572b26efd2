//! `POST /api/v1/oauth2/token`.

mod body;
mod names;

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::call::{Call, REFRESH, Reply, TOKEN, assert_refused, claims, refresh_id};
use crate::stage::{Credentials, Kind, NOW, Stage};

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn form(of: &Credentials) -> String {
    format!("grant_type=client_credentials&client_id={}&client_secret={}", of.id, of.secret)
}

#[tokio::test]
async fn credentials_in_json_are_exchanged_for_exactly_four_members() {
    let stage = Stage::open().await;
    let reply = stage.answer(Call::post(TOKEN).json(&stage.shop.body())).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.header("content-type"), "application/json");
    let data = reply.data();
    assert_eq!(keys(&data), ["access_token", "expires_in", "refresh_token", "token_type"]);
    assert_eq!((&data["token_type"], &data["expires_in"]), (&json!("Bearer"), &json!(900)));
    let text = reply.text();
    assert!(
        text.starts_with(r#"{"success":true,"data":{"access_token":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."#)
    );
    assert!(text.ends_with(r#","token_type":"Bearer","expires_in":900}}"#));
}

#[tokio::test]
async fn both_tokens_say_who_for_whom_where_and_how_long() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    for (token, lifetime) in [(&tokens.access, 900), (&tokens.refresh, 24 * 60 * 60)] {
        assert!(token.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."));
        let claims = claims(token);
        let jti = claims["jti"].as_str().unwrap();
        assert_eq!(jti.len(), 22, "128 bits in base64url");
        assert_eq!(
            claims,
            json!({
                "iss": "http://127.0.0.1:8080",
                "sub": stage.shop.id,
                "aud": "payment-api",
                "iat": NOW.seconds(),
                "exp": NOW.seconds() + lifetime,
                "jti": jti,
                "scope": "payments:read payments:write",
                "merchant_id": stage.merchant,
                "env": "test",
                "sid": stage.shop.secret_id,
            })
        );
    }
    // Their ids tell that they belong together.
    assert_ne!(claims(&tokens.access)["jti"], claims(&tokens.refresh)["jti"]);
    assert_eq!(refresh_id(&claims(&tokens.access)), claims(&tokens.refresh)["jti"]);
}

#[tokio::test]
async fn within_a_second_a_token_still_lives_for_whole_seconds() {
    let stage = Stage::open().await;
    stage.advance(Duration::from_millis(999)).await;
    let claims = claims(&stage.tokens(&stage.shop).await.access);
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW.seconds()), &json!(NOW.seconds() + 900)));
}

#[tokio::test]
async fn an_absent_grant_type_means_client_credentials() {
    let stage = Stage::open().await;
    let Credentials { id, secret, .. } = &stage.shop;
    for call in [
        Call::post(TOKEN).json(&json!({"client_id": id, "client_secret": secret})),
        Call::post(TOKEN).form(&format!("client_id={id}&client_secret={secret}")),
        Call::post(TOKEN).basic(&id.to_string(), secret).json(&json!({})),
    ] {
        assert_eq!(stage.answer(call).await.status(), 200);
    }
}

#[tokio::test]
async fn forms_and_http_basic_work_as_well() {
    let mut stage = Stage::open().await;
    let odd = stage.client(Kind { secret: Some("pä ss+w:o%rd&="), ..stage.kind() }).await;
    let shop = stage.shop.clone();
    let id = shop.id.to_string();
    for (name, call) in [
        ("form", Call::post(TOKEN).form(&form(&shop))),
        ("form, encoded", Call::post(TOKEN).form(&form(&shop).replace('-', "%2D").replace('_', "%5F"))),
        (
            "form with UTF-8",
            Call::post(TOKEN).body("application/x-www-form-urlencoded; charset=UTF-8", form(&shop)),
        ),
        (
            "form with encoded secret",
            Call::post(TOKEN)
                .form(&format!("client_id={}&client_secret=p%C3%A4+ss%2Bw%3Ao%25rd%26%3D", odd.id)),
        ),
        ("JSON with another secret", Call::post(TOKEN).json(&odd.body())),
        (
            "Basic and a form",
            Call::post(TOKEN).basic(&id, &shop.secret).form("grant_type=client_credentials"),
        ),
        (
            "Basic and JSON",
            Call::post(TOKEN).basic(&id, &shop.secret).json(&json!({"grant_type": "client_credentials"})),
        ),
        ("Basic and nothing", Call::post(TOKEN).basic(&id, &shop.secret).form("client_id=&client_secret=")),
        ("Basic and the same id", Call::post(TOKEN).basic(&id, &shop.secret).json(&json!({"client_id": id}))),
        (
            "Basic, encoded",
            Call::post(TOKEN)
                .basic(&id.replace('-', "%2D"), &shop.secret.replace('_', "%5f"))
                .json(&json!({})),
        ),
        (
            "Basic, encoded oddly",
            Call::post(TOKEN).basic(&odd.id.to_string(), "p%C3%A4+ss%2Bw%3Ao%25rd%26%3D").form(""),
        ),
        (
            "Basic in another case",
            Call::post(TOKEN)
                .header("authorization", format!("bAsIc {}", base64(&format!("{id}:{}", shop.secret))))
                .json(&json!({})),
        ),
        ("another scheme next to the body", Call::post(TOKEN).bearer("a.b.c").json(&shop.body())),
    ] {
        let reply = stage.answer(call).await;
        assert_eq!(reply.status(), 200, "{name}: {}", reply.text());
    }
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn a_client_authenticates_in_one_way_only() {
    let stage = Stage::open().await;
    let (id, secret) = (stage.shop.id.to_string(), stage.shop.secret.clone());
    let both = Call::post(TOKEN).basic(&id, &secret).json(&json!({"client_secret": secret}));
    assert_eq!(stage.answer(both).await.fields(), ["client_secret"]);
    let other = Call::post(TOKEN).basic(&id, &secret).json(&json!({"client_id": stage.rival.id}));
    assert_eq!(stage.answer(other).await.fields(), ["client_id"]);
    let twice = Call::post(TOKEN).basic(&id, &secret).basic(&id, &secret).json(&json!({}));
    assert_eq!(stage.answer(twice).await.refusal().0, 400);
}

#[tokio::test]
async fn a_scope_is_answered_only_to_who_asked_for_one() {
    let stage = Stage::open().await;
    for (asked, got) in [
        ("payments:read", Some("payments:read")),
        ("payments:write payments:read", Some("payments:write payments:read")),
        ("", None),
    ] {
        let mut body = stage.shop.body();
        body["scope"] = asked.into();
        let data = stage.answer(Call::post(TOKEN).json(&body)).await.data();
        assert_eq!(data.get("scope").map(|scope| scope.as_str().unwrap()), got);
        assert_eq!(data.as_object().unwrap().len(), if got.is_some() { 5 } else { 4 });
        let expected = got.unwrap_or("payments:read payments:write");
        for token in ["access_token", "refresh_token"] {
            assert_eq!(claims(data[token].as_str().unwrap())["scope"], expected);
        }
    }
}

#[tokio::test]
async fn a_scope_beyond_the_clients_or_malformed_is_a_problem_of_that_field() {
    let stage = Stage::open().await;
    for scope in [
        "payments:refund",
        "payments:read payments:refund",
        "payments",
        "PAYMENTS:READ",
        " payments:read",
        "payments:read  payments:write",
        "payments:read\"",
        "payments:read\\",
        "payments:read\n",
        "payments:read\u{0}",
        "päyments",
    ] {
        let mut body = stage.shop.body();
        body["scope"] = scope.into();
        assert_eq!(stage.answer(Call::post(TOKEN).json(&body)).await.fields(), ["scope"], "{scope:?}");
    }
}

/// Otherwise anybody could find out what a client may ask for.
#[tokio::test]
async fn only_a_client_that_has_proved_itself_learns_that_a_scope_is_beyond_it() {
    let stage = Stage::open().await;
    let mut body = stage.shop.body();
    body["scope"] = "payments:refund".into();
    body["client_secret"] = "wrong".into();
    assert_refused(&stage.answer(Call::post(TOKEN).json(&body)).await, 401, "INVALID_CLIENT");
}

#[tokio::test]
async fn another_grant_type_is_a_problem_of_that_field() {
    let stage = Stage::open().await;
    for grant in [
        json!("password"),
        json!("authorization_code"),
        json!("implicit"),
        json!("refresh_token"),
        json!("Client_Credentials"),
        json!("client_credentials "),
        json!(""),
        json!(["client_credentials"]),
        json!(1),
        json!(null),
        json!({}),
    ] {
        let mut body = stage.shop.body();
        body["grant_type"] = grant.clone();
        assert_eq!(stage.answer(Call::post(TOKEN).json(&body)).await.fields(), ["grant_type"], "{grant}");
    }
}

#[tokio::test]
async fn a_missing_empty_or_ill_typed_credential_is_named() {
    let stage = Stage::open().await;
    for field in ["client_id", "client_secret"] {
        let mut without = stage.shop.body();
        without.as_object_mut().unwrap().remove(field);
        assert_eq!(stage.answer(Call::post(TOKEN).json(&without)).await.fields(), [field]);
        for value in [json!(null), json!(0), json!(1.5), json!(true), json!([]), json!({}), json!("")] {
            let mut body = stage.shop.body();
            body[field] = value.clone();
            assert_eq!(stage.answer(Call::post(TOKEN).json(&body)).await.fields(), [field], "{value}");
        }
    }
}

#[tokio::test]
async fn every_problem_is_named_at_once() {
    let stage = Stage::open().await;
    for call in [
        Call::post(TOKEN).json(&json!({"grant_type": "password", "scope": "a  b"})),
        Call::post(TOKEN).form("grant_type=password&scope=a++b"),
    ] {
        let mut fields = stage.answer(call).await.fields();
        fields.sort();
        assert_eq!(fields, ["client_id", "client_secret", "grant_type", "scope"]);
    }
    let ill_typed = json!({"grant_type": 1, "client_id": 2, "client_secret": 3, "scope": 4});
    let mut fields = stage.answer(Call::post(TOKEN).json(&ill_typed)).await.fields();
    fields.sort();
    assert_eq!(fields, ["client_id", "client_secret", "grant_type", "scope"]);
}

#[tokio::test]
async fn a_parameter_twice_is_refused_whichever_is_right() {
    let stage = Stage::open().await;
    let Credentials { id, secret, .. } = &stage.shop;
    for (first, second) in [(secret.as_str(), "wrong"), ("wrong", secret), (secret, secret)] {
        let body = format!(r#"{{"client_id":"{id}","client_secret":"{first}","client_secret":"{second}"}}"#);
        let reply = stage.answer(Call::post(TOKEN).body("application/json", body)).await;
        assert_eq!(reply.fields(), ["client_secret"]);
        let body = format!("client_id={id}&client_secret={first}&client_secret={second}");
        assert_eq!(stage.answer(Call::post(TOKEN).form(&body)).await.fields(), ["client_secret"]);
    }
    let spelled = format!(r#"{{"client_id":"{id}","client_secret":"{secret}","client\u005fsecret":"x"}}"#);
    let reply = stage.answer(Call::post(TOKEN).body("application/json", spelled)).await;
    assert_eq!(reply.fields(), ["client_secret"]);
    let spelled = format!("client_id={id}&client_secret={secret}&client%5Fsecret=x");
    assert_eq!(stage.answer(Call::post(TOKEN).form(&spelled)).await.fields(), ["client_secret"]);
}

#[tokio::test]
async fn unknown_members_are_ignored_and_change_nothing() {
    let stage = Stage::open().await;
    let mut body = stage.shop.body();
    for (name, value) in [
        ("ttl", json!(9e9)),
        ("sub", json!("x")),
        ("aud", json!("*")),
        ("is_admin", json!(true)),
        ("exp", json!(4_102_444_800_u64)),
        ("merchant_id", json!(stage.rival_merchant)),
        ("env", json!("live")),
        ("Client_Secret", json!(["nested", {"deep": null}])),
    ] {
        body[name] = value;
    }
    let data = stage.answer(Call::post(TOKEN).json(&body)).await.data();
    let claims = claims(data["access_token"].as_str().unwrap());
    assert_eq!(claims["sub"], json!(stage.shop.id));
    assert_eq!(claims["merchant_id"], json!(stage.merchant));
    assert_eq!((&claims["aud"], &claims["env"]), (&json!("payment-api"), &json!("test")));
    assert_eq!(claims["exp"], NOW.seconds() + 900);

    let with_unknown = format!("{}&ttl=9&sub=x&merchant_id={}", form(&stage.shop), stage.rival_merchant);
    let data = stage.answer(Call::post(TOKEN).form(&with_unknown)).await.data();
    assert_eq!(
        crate::call::claims(data["access_token"].as_str().unwrap())["merchant_id"],
        json!(stage.merchant)
    );
}

/// It is no matter of signing keys, and repeating the request would not help.
#[tokio::test]
async fn claims_that_fit_into_no_token_are_no_missing_key() {
    let mut stage = Stage::open().await;
    let networks = (0..250).map(|n| &*format!("198.51.{n}.0/24").leak()).collect::<Vec<_>>().leak();
    let bound = stage.client(Kind { addresses: networks, ..stage.kind() }).await;
    let reply = stage.answer(Call::post(TOKEN).json(&bound.body())).await;
    assert_refused(&reply, 500, "INTERNAL_ERROR");
    assert_eq!(reply.header("retry-after"), "");
    assert_eq!(stage.answer(Call::get("/readyz")).await.status(), 200);
}

/// What every answer of the authority has, whatever it says.
fn assert_headers(reply: &Reply) {
    assert_eq!(reply.header("cache-control"), "no-store", "{}", reply.text());
    assert_eq!(reply.header("pragma"), "no-cache", "{}", reply.text());
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("content-type"), "application/json");
    assert!(!reply.header("x-request-id").is_empty());
    assert!(reply.0.headers().keys().all(|name| !name.as_str().starts_with("access-control-")));
}

#[tokio::test]
async fn every_answer_forbids_keeping_it_and_none_allows_a_browser() {
    let stage = Stage::open().await;
    let tokens = stage.tokens(&stage.shop).await;
    let shop = stage.shop.body();
    let refresh = json!({"refresh_token": tokens.refresh});
    let long = "x".repeat(64 * 1024 + 1);
    for (status, call) in [
        (200, Call::post(TOKEN).json(&shop)),
        (200, Call::post(TOKEN).json(&shop).header("accept", "text/html")),
        (200, Call::post(REFRESH).json(&refresh)),
        (400, Call::post(TOKEN).json(&json!({}))),
        (400, Call::post(REFRESH).json(&json!({}))),
        (401, Call::post(TOKEN).json(&json!({"client_id": "x", "client_secret": "y"}))),
        (401, Call::post(REFRESH).json(&json!({"refresh_token": "x"}))),
        (403, Call::post(TOKEN).json(&shop).header("origin", "https://evil.example")),
        (
            403,
            Call::new("OPTIONS", TOKEN)
                .header("origin", "https://evil.example")
                .header("access-control-request-method", "POST"),
        ),
        (405, Call::get(TOKEN)),
        (405, Call::get(REFRESH)),
        (413, Call::post(TOKEN).body("application/json", long.clone())),
        (413, Call::post(REFRESH).body("application/json", long)),
        (415, Call::post(TOKEN).body("text/plain", "x")),
        (415, Call::post(REFRESH).form(&format!("refresh_token={}", tokens.refresh))),
    ] {
        let reply = stage.answer(call).await;
        assert_eq!(reply.status(), status, "{}", reply.text());
        assert_headers(&reply);
    }
}
