//! `POST /oauth2/token`.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_store::Status;

use super::{grant, post_as, refresh, said, tokens};
use crate::call::{Call, OAUTH_TOKEN, TOKEN, assert_oauth_refused, assert_refused, claims};
use crate::faults::{Fault, Faults};
use crate::stage::{ACT, Credentials, Kind, NOW, Stage};

const GRANT: &str = "grant_type=client_credentials";

fn in_the_body(of: &Credentials) -> String {
    format!("{GRANT}&client_id={}&client_secret={}", of.id, of.secret)
}

#[tokio::test]
async fn credentials_are_exchanged_by_basic_and_by_post_for_exactly_these_members() {
    let stage = Stage::open().await;
    for call in
        [post_as(&stage.shop, OAUTH_TOKEN, GRANT), Call::post(OAUTH_TOKEN).form(&in_the_body(&stage.shop))]
    {
        let answer = said(&stage.answer(call).await);
        let members: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["access_token", "refresh_token", "token_type", "expires_in", "scope"]);
        assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(900)));
        assert_eq!(answer["scope"], "payments:read payments:write");
        let tokens = tokens(&answer);
        for (token, lifetime) in [(&tokens.access, 900), (&tokens.refresh, 86_400)] {
            let claims = claims(token);
            assert_eq!((&claims["sub"], &claims["env"]), (&json!(stage.shop.id), &json!("test")));
            assert_eq!(
                (&claims["iss"], &claims["aud"]),
                (&json!("http://127.0.0.1:8080"), &json!("payment-api"))
            );
            assert_eq!(
                (&claims["merchant_id"], &claims["scope"]),
                (&json!(stage.merchant), &answer["scope"])
            );
            assert_eq!(claims["exp"], NOW.seconds() + lifetime);
        }
        // They are good for what tokens from /api/v1 are good for.
        assert_eq!(stage.list(&tokens.access).await.status(), 200);
        assert_eq!(stage.refresh(&tokens.refresh).await.status(), 200);
    }
}

#[tokio::test]
async fn both_parts_of_basic_are_form_encoded() {
    let mut stage = Stage::open().await;
    let odd = stage.client(Kind { secret: Some("pä ss+w:o%rd&="), ..stage.kind() }).await;
    let id = odd.id.to_string().replace('-', "%2D");
    let call = Call::post(OAUTH_TOKEN).basic(&id, "p%C3%A4+ss%2Bw%3Ao%25rd%26%3D").form(GRANT);
    said(&stage.answer(call).await);
}

#[tokio::test]
async fn a_client_may_name_itself_beside_basic_and_leave_the_rest_empty() {
    let stage = Stage::open().await;
    let form = format!("{GRANT}&client_id={}&client_secret=&scope=&refresh_token=", stage.shop.id);
    let answer = said(&stage.answer(post_as(&stage.shop, OAUTH_TOKEN, &form)).await);
    assert_eq!(answer["scope"], "payments:read payments:write");
}

#[tokio::test]
async fn two_ways_of_authenticating_are_an_invalid_request() {
    let stage = Stage::open().await;
    let (id, secret) = (stage.shop.id.to_string(), &stage.shop.secret);
    for call in [
        post_as(&stage.shop, OAUTH_TOKEN, &in_the_body(&stage.shop)),
        post_as(&stage.shop, OAUTH_TOKEN, &format!("{GRANT}&client_secret=x")),
        post_as(&stage.shop, OAUTH_TOKEN, &format!("{GRANT}&client_id={}", stage.rival.id)),
        post_as(&stage.shop, OAUTH_TOKEN, GRANT).basic(&id, secret),
    ] {
        assert_oauth_refused(&stage.answer(call).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn no_whole_credentials_are_no_authentication() {
    let stage = Stage::open().await;
    let (id, secret) = (stage.shop.id, &stage.shop.secret);
    for call in [
        Call::post(OAUTH_TOKEN).form(GRANT),
        Call::post(OAUTH_TOKEN).form(""),
        Call::post(OAUTH_TOKEN).form(&format!("{GRANT}&client_id={id}")),
        Call::post(OAUTH_TOKEN).form(&format!("{GRANT}&client_id={id}&client_secret=")),
        Call::post(OAUTH_TOKEN).form(&format!("{GRANT}&client_secret={secret}")),
        Call::post(OAUTH_TOKEN).bearer("a.b.c").form(GRANT),
        Call::post(&format!("{OAUTH_TOKEN}?{}", in_the_body(&stage.shop))).form(GRANT),
    ] {
        let reply = stage.answer(call).await;
        assert_oauth_refused(&reply, 401, "invalid_client");
        assert_eq!(reply.header("www-authenticate"), "Basic realm=\"tollgate\"");
    }
}

#[tokio::test]
async fn every_failed_authentication_is_answered_alike() {
    let mut stage = Stage::open().await;
    let disabled = stage.client(stage.kind()).await;
    let revoked = stage.client(stage.kind()).await;
    let now = stage.now();
    stage.elsewhere.set_client_status(disabled.id, Status::Disabled, now, &ACT).await.unwrap();
    stage.elsewhere.revoke_secret(revoked.id, revoked.secret_id, now, &ACT).await.unwrap();
    stage.follow().await;
    let mut unknown = stage.shop.clone();
    unknown.id = "0191e0a1-5c3b-4def-8123-456789abcdef".parse().unwrap();
    let mut wrong = stage.shop.clone();
    wrong.secret = stage.rival.secret.clone();

    let first = grant(&stage, &unknown, "").await;
    assert_oauth_refused(&first, 401, "invalid_client");
    assert_eq!(first.header("www-authenticate"), "Basic realm=\"tollgate\"");
    let by_post = |of: &Credentials| Call::post(OAUTH_TOKEN).form(&in_the_body(of));
    for call in [
        by_post(&unknown),
        by_post(&wrong),
        by_post(&disabled),
        by_post(&revoked),
        post_as(&wrong, OAUTH_TOKEN, GRANT),
        post_as(&disabled, OAUTH_TOKEN, GRANT),
        post_as(&revoked, OAUTH_TOKEN, GRANT),
        Call::post(OAUTH_TOKEN).basic("shop", "x").form(GRANT),
        Call::post(OAUTH_TOKEN).header("authorization", "Basic !!!").form(GRANT),
        Call::post(OAUTH_TOKEN).header("authorization", "Basic YQ==").form(GRANT),
    ] {
        assert_eq!(stage.answer(call).await.without_request_id(), first.without_request_id());
    }
}

#[tokio::test(start_paused = true)]
async fn failures_here_and_under_api_v1_are_counted_together() {
    let stage = Stage::open().await;
    let mut wrong = stage.shop.clone();
    wrong.secret = "wrong".to_owned();
    for _ in 0..15 {
        assert_refused(&stage.answer(Call::post(TOKEN).json(&wrong.body())).await, 401, "INVALID_CLIENT");
        assert_oauth_refused(&grant(&stage, &wrong, "").await, 401, "invalid_client");
    }
    for of in [&wrong, &stage.shop] {
        let reply = grant(&stage, of, "").await;
        assert_oauth_refused(&reply, 429, "temporarily_unavailable");
        assert_eq!(reply.header("retry-after"), "2");
        assert_refused(&stage.answer(Call::post(TOKEN).json(&of.body())).await, 429, "TOO_MANY_REQUESTS");
    }
    tokio::time::advance(Duration::from_secs(2)).await;
    said(&grant(&stage, &stage.shop, "").await);
}

#[tokio::test]
async fn a_grant_type_is_required_and_one_of_two() {
    let stage = Stage::open().await;
    for form in ["", "grant_type=", "scope=payments:read"] {
        let reply = stage.answer(post_as(&stage.shop, OAUTH_TOKEN, form)).await;
        assert_oauth_refused(&reply, 400, "invalid_request");
        assert_eq!(reply.json()["error_description"], "grant_type is required");
    }
    for other in ["password", "authorization_code", "CLIENT_CREDENTIALS", "client_credentials+", "%00"] {
        let reply = stage.answer(post_as(&stage.shop, OAUTH_TOKEN, &format!("grant_type={other}"))).await;
        assert_oauth_refused(&reply, 400, "unsupported_grant_type");
    }
}

#[tokio::test]
async fn a_known_parameter_twice_is_an_invalid_request() {
    let stage = Stage::open().await;
    for twice in [
        "scope=payments:read&scope=payments:read",
        "scope=&scope=",
        "grant%5Ftype=client_credentials",
        "token=x&token=y",
    ] {
        assert_oauth_refused(&grant(&stage, &stage.shop, twice).await, 400, "invalid_request");
    }
    let reply = grant(&stage, &stage.shop, "scope=a&scope=b").await;
    assert_eq!(reply.json()["error_description"], "scope duplicate parameter");
}

#[tokio::test]
async fn an_unknown_parameter_may_repeat_and_so_may_a_resource() {
    let stage = Stage::open().await;
    let name = "%22%5C%C3%A9%0A".repeat(100);
    let flood = (0..6_000).map(|n| format!("{n:x}&{n:x}")).collect::<Vec<_>>().join("&");
    for repeated in
        ["resource=payment-api&resource=payment-api", "x=1&x=2", &format!("{name}=1&{name}=2"), &flood]
    {
        said(&grant(&stage, &stage.shop, repeated).await);
    }
}

#[tokio::test]
async fn unknown_parameters_are_ignored_and_change_nothing() {
    let stage = Stage::open().await;
    let form = format!("audiences=x&resources=https://x&ttl=9&merchant_id={}&token=x", stage.rival_merchant);
    let claims = claims(&tokens(&said(&grant(&stage, &stage.shop, &form).await)).access);
    assert_eq!((&claims["aud"], &claims["merchant_id"]), (&json!("payment-api"), &json!(stage.merchant)));
    assert_eq!(claims["exp"], NOW.seconds() + 900);
}

#[tokio::test]
async fn a_scope_is_granted_as_asked_for_or_refused() {
    let stage = Stage::open().await;
    let answer = said(&grant(&stage, &stage.shop, "scope=payments:read").await);
    assert_eq!(answer["scope"], "payments:read");
    for token in ["access_token", "refresh_token"] {
        assert_eq!(claims(answer[token].as_str().unwrap())["scope"], "payments:read");
    }
    for scope in ["payments:refund", "payments:read+payments:refund", "+payments:read", "a%22", "p%C3%A4"] {
        let reply = grant(&stage, &stage.shop, &format!("scope={scope}")).await;
        assert_oauth_refused(&reply, 400, "invalid_scope");
    }
    // Only who has proved itself learns what is beyond it.
    let mut wrong = stage.shop.clone();
    wrong.secret = "wrong".to_owned();
    assert_oauth_refused(&grant(&stage, &wrong, "scope=payments:refund").await, 401, "invalid_client");
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_and_answered_as_it_came() {
    let stage = Stage::open().await;
    let issued = tokens(&said(&grant(&stage, &stage.shop, "").await));
    for _ in 0..3 {
        stage.advance(Duration::from_secs(900)).await;
        let answer = said(&refresh(&stage, &stage.shop, &issued.refresh, "").await);
        let members: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["access_token", "refresh_token", "token_type", "expires_in", "scope"]);
        assert_eq!(answer["refresh_token"], issued.refresh);
        assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(900)));
        assert_eq!(answer["scope"], "payments:read payments:write");
        assert_eq!(stage.list(answer["access_token"].as_str().unwrap()).await.status(), 200);
    }
    // By post as well, and one that /api/v1 has issued.
    let other = stage.tokens(&stage.shop).await.refresh;
    let (id, secret) = (stage.shop.id, &stage.shop.secret);
    let form =
        format!("grant_type=refresh_token&refresh_token={other}&client_id={id}&client_secret={secret}");
    said(&stage.answer(Call::post(OAUTH_TOKEN).form(&form)).await);
}

#[tokio::test]
async fn a_refresh_can_ask_for_less_but_not_for_more() {
    let mut stage = Stage::open().await;
    let wide = stage.client(Kind { scope: "a b c", ..stage.kind() }).await;
    let token = tokens(&said(&grant(&stage, &wide, "scope=a+b").await)).refresh;
    let granted = |answer: &Value| claims(answer["access_token"].as_str().unwrap())["scope"].clone();
    for (form, scope) in [("", "a b"), ("scope=", "a b"), ("scope=b", "b"), ("scope=b+a", "b a")] {
        let answer = said(&refresh(&stage, &wide, &token, form).await);
        assert_eq!((granted(&answer), &answer["scope"]), (json!(scope), &json!(scope)), "{form}");
    }
    for form in ["scope=c", "scope=a+c", "scope=A", "scope=a++b", "scope=%22"] {
        assert_oauth_refused(&refresh(&stage, &wide, &token, form).await, 400, "invalid_scope");
    }
    // Asking for less once does not make it less.
    assert_eq!(said(&refresh(&stage, &wide, &token, "").await)["scope"], "a b");
}

#[tokio::test]
async fn a_refresh_token_is_of_use_to_its_own_client_only() {
    let mut stage = Stage::open().await;
    let colleague = stage.client(stage.kind()).await;
    let token = stage.tokens(&stage.shop).await.refresh;
    let unknown = refresh(&stage, &colleague, "x", "").await;
    assert_oauth_refused(&unknown, 400, "invalid_grant");
    for of in [&colleague, &stage.rival] {
        let reply = refresh(&stage, of, &token, "").await;
        assert_eq!(reply.without_request_id(), unknown.without_request_id());
    }
    // Without the client it is of no use at all here.
    let form = format!("grant_type=refresh_token&refresh_token={token}");
    let reply = stage.answer(Call::post(OAUTH_TOKEN).form(&form)).await;
    assert_oauth_refused(&reply, 401, "invalid_client");
    said(&refresh(&stage, &stage.shop, &token, "").await);
}

#[tokio::test]
async fn what_is_no_good_refresh_token_is_answered_like_any_other() {
    let mut stage = Stage::open().await;
    let issued = stage.tokens(&stage.shop).await;
    let unknown = refresh(&stage, &stage.shop, "x", "").await;
    assert_oauth_refused(&unknown, 400, "invalid_grant");
    assert_eq!(unknown.header("www-authenticate"), "");
    let form = "grant_type=refresh_token&refresh_token=";
    assert_oauth_refused(
        &stage.answer(post_as(&stage.shop, OAUTH_TOKEN, form)).await,
        400,
        "invalid_request",
    );
    for token in [issued.access.as_str(), &issued.refresh[..issued.refresh.len() - 1], "%00", "%C3%A9", "."] {
        let reply = refresh(&stage, &stage.shop, token, "").await;
        assert_eq!(reply.without_request_id(), unknown.without_request_id(), "{token}");
    }

    // The client has a secret left, but not the one that the token was obtained with.
    let (next, value) = stage.secret(stage.shop.id, None);
    let (now, expiry) = (stage.now(), stage.now().after(Duration::from_secs(60)));
    stage.elsewhere.add_secret(stage.shop.id, &next, Some(expiry), now, &ACT).await.unwrap();
    stage.follow().await;
    let mut renewed = stage.shop.clone();
    renewed.secret = value;
    said(&refresh(&stage, &renewed, &issued.refresh, "").await);
    stage.advance(Duration::from_secs(60)).await;
    let reply = refresh(&stage, &renewed, &issued.refresh, "").await;
    assert_eq!(reply.without_request_id(), unknown.without_request_id());

    let late = tokens(&said(&grant(&stage, &renewed, "").await)).refresh;
    stage.advance(Duration::from_secs(86_400)).await;
    let reply = refresh(&stage, &renewed, &late, "").await;
    assert_eq!(reply.without_request_id(), unknown.without_request_id());
}

#[tokio::test]
async fn only_a_form_is_read_and_only_in_a_post() {
    let stage = Stage::open().await;
    let body = in_the_body(&stage.shop);
    for media in ["application/json", "text/plain", "multipart/form-data; boundary=x", ""] {
        let reply = stage.answer(Call::post(OAUTH_TOKEN).body(media, body.clone())).await;
        assert_oauth_refused(&reply, 415, "invalid_request");
    }
    let reply = stage.answer(Call::post(OAUTH_TOKEN).json(&stage.shop.body())).await;
    assert_oauth_refused(&reply, 415, "invalid_request");
    let media = "application/x-www-form-urlencoded; charset=UTF-8";
    said(&stage.answer(Call::post(OAUTH_TOKEN).body(media, body.clone())).await);
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let reply = stage.answer(Call::new(method, OAUTH_TOKEN).form(&body)).await;
        assert_oauth_refused(&reply, 405, "invalid_request");
        assert_eq!(reply.header("allow"), "POST");
    }
    let reply = stage.answer(Call::new("HEAD", OAUTH_TOKEN)).await;
    assert_eq!((reply.status().as_u16(), reply.text(), reply.header("allow")), (405, "", "POST"));
    let long = format!("{body}&x={}", "x".repeat(64 * 1024));
    assert_oauth_refused(&stage.answer(Call::post(OAUTH_TOKEN).form(&long)).await, 413, "invalid_request");
    for path in ["/oauth2/token/", "/oauth2//token", "/oauth2/Token", "/oauth2/%74oken", "/oauth2"] {
        assert_refused(&stage.answer(Call::post(path).form(&body)).await, 404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn a_page_in_a_browser_is_refused() {
    let stage = Stage::open().await;
    for (name, value) in
        [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "same-origin")]
    {
        for method in ["POST", "OPTIONS"] {
            let call = Call::new(method, OAUTH_TOKEN).header(name, value).form(&in_the_body(&stage.shop));
            let reply = stage.answer(call).await;
            assert_oauth_refused(&reply, 403, "access_denied");
            assert!(reply.0.headers().keys().all(|name| !name.as_str().starts_with("access-control-")));
        }
    }
    let node = post_as(&stage.shop, OAUTH_TOKEN, GRANT).header("sec-fetch-mode", "cors");
    said(&stage.answer(node).await);
}

#[tokio::test]
async fn a_client_bound_to_networks_is_refused_from_elsewhere() {
    let mut stage = Stage::open().await;
    let bound = stage.client(Kind { addresses: &["192.0.2.0/24"], ..stage.kind() }).await;
    let inside = "192.0.2.9".parse().unwrap();
    let issued = tokens(&said(&stage.answer_from(inside, post_as(&bound, OAUTH_TOKEN, GRANT)).await));
    assert_oauth_refused(&grant(&stage, &bound, "").await, 403, "access_denied");
    assert_oauth_refused(&refresh(&stage, &bound, &issued.refresh, "").await, 403, "access_denied");
    assert_eq!(claims(&issued.access)["net"], "192.0.2.0/24");
}

#[tokio::test]
async fn while_the_store_is_down_a_client_that_must_be_looked_up_waits() {
    let faults = Faults::default();
    let mut stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let stranger = stage.client(stage.kind()).await;
    said(&grant(&stage, &stage.shop, "").await);
    faults.set("client", Fault::Refuses);
    said(&grant(&stage, &stage.shop, "").await);
    let reply = grant(&stage, &stranger, "").await;
    assert_oauth_refused(&reply, 503, "temporarily_unavailable");
    assert_eq!(reply.header("retry-after"), "1");
    assert!(!reply.text().contains("secret.db"));
}

#[tokio::test]
async fn grants_here_are_counted_and_named_like_those_under_api_v1() {
    let stage = Stage::open().await;
    let issued = tokens(&said(&grant(&stage, &stage.shop, "").await));
    said(&refresh(&stage, &stage.shop, &issued.refresh, "").await);
    grant(&stage, &stage.shop, "scope=x").await;
    let metrics = stage.answer(Call::get("/metrics")).await;
    for line in [
        "tollgate_requests_total{route=\"/oauth2/token\",status=\"200\"} 2\n",
        "tollgate_requests_total{route=\"/oauth2/token\",status=\"400\"} 1\n",
        "tollgate_tokens_issued_total{grant=\"client_credentials\"} 1\n",
        "tollgate_tokens_issued_total{grant=\"refresh_token\"} 1\n",
        "tollgate_refusals_total{code=\"VALIDATION_ERROR\"} 1\n",
    ] {
        assert!(metrics.text().contains(line), "{line}");
    }
}
