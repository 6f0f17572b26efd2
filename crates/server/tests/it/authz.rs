//! Forward authorization.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::call::{Call, Reply, assert_refused};
use crate::guard::authority;
use crate::parity;
use crate::stage::{ACT, Kind, NOW, Stage};

const PROXY: &str = "10.0.0.1";
const REQUIRED: &str = "scope=payments:read&env=test";

async fn stage(file: &str) -> Stage {
    let settings = [("TOLLGATE_AUTHZ__ENABLED", "true"), ("TOLLGATE_TRUSTED_PROXIES", "10.0.0.0/8")];
    Stage::with_file(file, &settings, |store| Arc::new(store)).await
}

fn proxy() -> IpAddr {
    PROXY.parse().unwrap()
}

/// A question of a trusted proxy, about a caller at another address.
fn ask(target: &str) -> Call {
    Call::get(target).header("x-forwarded-for", "198.51.100.7")
}

#[tokio::test]
async fn every_mount_answers_as_the_table_says() {
    let stage = stage("").await;
    for revocation in parity::revocations(NOW) {
        stage.elsewhere.revoke(&revocation, NOW, &ACT).await.unwrap();
    }
    stage.follow().await;
    let cases = parity::cases(&authority(&stage).await, NOW);
    for case in &cases {
        let asked = |target: &str| {
            case.authorization
                .iter()
                .fold(ask(target), |call, line| call.header("authorization", line.as_bytes()))
        };
        let plain = stage.answer_from(proxy(), asked(&format!("/authz?{REQUIRED}"))).await;
        case.check(&plain.0).unwrap();
        let nginx = stage.answer_from(proxy(), asked(&format!("/authz/nginx?{REQUIRED}"))).await;
        assert_says_the_same(&plain, &nginx, &case.name);
    }
    assert!(cases.len() > 3_000, "{} cases", cases.len());
}

/// nginx is told the status and the code of the other answer, and the same challenge.
fn assert_says_the_same(plain: &Reply, nginx: &Reply, name: &str) {
    assert_eq!(nginx.text(), "", "{name}");
    if plain.status() == 200 {
        assert_eq!(nginx.status(), 200, "{name}");
        return;
    }
    let expected = if plain.status() == 401 { 401 } else { 403 };
    assert_eq!(nginx.status().as_u16(), expected, "{name}");
    assert_eq!(nginx.header("x-tollgate-status"), plain.status().as_str(), "{name}");
    assert_eq!(nginx.header("x-tollgate-error"), plain.json()["error"]["code"], "{name}");
    assert_eq!(nginx.header("www-authenticate"), plain.header("www-authenticate"), "{name}");
}

#[tokio::test]
async fn who_sends_the_request_is_always_said_whole() {
    let mut stage = stage("").await;
    let operator = stage.client(Kind { merchant: None, scope: "", ..stage.kind() }).await;
    let operator = stage.tokens(&operator).await.access;
    let shop = stage.tokens(&stage.shop).await.access;
    let merchant = stage.merchant.to_string();
    for (token, merchant, scope) in
        [(&shop, &*merchant, "payments:read payments:write"), (&operator, "-", "-")]
    {
        for target in ["/authz", "/authz/nginx", "/authz/envoy/payments/1"] {
            let reply = stage.answer_from(proxy(), ask(target).bearer(token)).await;
            assert_eq!((reply.status().as_u16(), reply.text()), (200, ""));
            let claims = crate::call::claims(token);
            assert_eq!(reply.header("x-tollgate-client-id"), claims["sub"]);
            assert_eq!(reply.header("x-tollgate-token-id"), claims["jti"]);
            assert_eq!(reply.header("x-tollgate-merchant-id"), merchant);
            assert_eq!((reply.header("x-tollgate-scope"), reply.header("x-tollgate-env")), (scope, "test"));
            assert_eq!(reply.header("cache-control"), "no-store");
        }
    }
}

#[tokio::test]
async fn what_is_required_stands_in_the_query_and_a_mistake_in_it_admits_nobody() {
    let settings = [
        ("TOLLGATE_AUTHZ__ENABLED", "true"),
        ("TOLLGATE_TRUSTED_PROXIES", "10.0.0.0/8"),
        ("TOLLGATE_AUDIENCES", "https://ledger.example.com=ES256"),
    ];
    let stage = Stage::with(&settings, |store| Arc::new(store)).await;
    let token = stage.tokens(&stage.shop).await.access;
    for (query, status) in [
        ("", 200),
        ("scope=payments:read", 200),
        ("scope=payments:read+payments:write&env=test&audience=payment-api", 200),
        ("scope=payments:refund", 403),
        ("env=live", 401),
        ("audience=https://ledger.example.com", 401),
        ("scopes=payments:read", 400),
        ("scope=", 400),
        ("scope=payments:read&scope=payments:read", 400),
        ("env=prod", 400),
        ("audience=a+b", 400),
        ("audience=https://ledgre.example.com", 400),
        ("x", 400),
    ] {
        let reply = stage.answer_from(proxy(), ask(&format!("/authz?{query}")).bearer(&token)).await;
        assert_eq!(reply.status().as_u16(), status, "{query}: {}", reply.text());
        let nginx = stage.answer_from(proxy(), ask(&format!("/authz/nginx?{query}")).bearer(&token)).await;
        assert_says_the_same(&reply, &nginx, query);
    }
    let ledger = "/authz?audience=https://ledger.example.com";
    let reply = stage.answer_from(proxy(), ask(ledger).bearer(&token)).await;
    assert_eq!(
        reply.header("www-authenticate"),
        "Bearer realm=\"https://ledger.example.com\", error=\"invalid_token\""
    );
}

const TABLE: &str = r#"
[[authz.routes]]
path = "/health"

[[authz.routes]]
method = "GET"
path = "/payments/{id}"
scope = "payments:read"
env = "test"

[[authz.routes]]
path = "/payments/{id}/{*rest}"
scope = "payments:refund"
"#;

#[tokio::test]
async fn a_table_of_routes_says_what_is_required_of_the_path_that_a_trusted_proxy_names() {
    let stage = stage(TABLE).await;
    let token = stage.tokens(&stage.shop).await.access;
    for (method, path, status) in [
        ("GET", "/health", 200),
        ("POST", "/health/", 200),
        ("GET", "/payments/1", 200),
        ("GET", "/payments/1?x=//", 200),
        ("POST", "/payments/1", 403),
        ("GET", "/payments/1/refund", 403),
        ("GET", "/other", 403),
        ("GET", "/payments/%31", 400),
        ("GET", "/payments//1", 400),
        ("GET", "/payments/1/../2", 400),
    ] {
        let plain = ask("/authz").header("x-forwarded-method", method).header("x-forwarded-uri", path);
        let reply = stage.answer_from(proxy(), plain.bearer(&token)).await;
        assert_eq!(reply.status().as_u16(), status, "{method} {path}: {}", reply.text());
        let envoy =
            Call::new(method, &format!("/authz/envoy{path}")).header("x-forwarded-for", "198.51.100.7");
        let reply = stage.answer_from(proxy(), envoy.bearer(&token)).await;
        assert_eq!(reply.status().as_u16(), status, "Envoy: {method} {path}: {}", reply.text());
        // From anybody else neither counts, and without a path nothing is decided.
        for call in [
            Call::get("/authz").header("x-forwarded-method", method).header("x-forwarded-uri", path),
            Call::new(method, &format!("/authz/envoy{path}")),
        ] {
            let reply = stage.answer(call.bearer(&token)).await;
            assert_refused(&reply, 400, "VALIDATION_ERROR");
        }
    }
    let reply = stage.answer_from(proxy(), ask("/authz").bearer(&token)).await;
    assert_refused(&reply, 400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn the_method_by_which_nginx_asks_is_never_taken_for_that_of_the_request() {
    let stage = stage_with_table().await;
    let token = stage.tokens(&stage.shop).await.access;
    for (method, path, status, of_the_request) in [
        (Some("GET"), "/payments/1", 200, ""),
        (Some("POST"), "/payments/1", 403, "403"),
        (None, "/payments/1", 403, "400"),
        (None, "/payments/1/refund", 403, "403"),
        (None, "/health", 200, ""),
        (None, "/other", 403, "403"),
    ] {
        let call = ask("/authz/nginx").header("x-original-uri", path).bearer(&token);
        let call = if let Some(method) = method { call.header("x-original-method", method) } else { call };
        let reply = stage.answer_from(proxy(), call).await;
        let found = (reply.status().as_u16(), reply.header("x-tollgate-status"));
        assert_eq!(found, (status, of_the_request), "{method:?} {path}");
    }
}

#[tokio::test]
async fn the_query_of_envoys_question_is_the_callers_and_requires_nothing() {
    let stage = stage("").await;
    let token = stage.tokens(&stage.shop).await.access;
    for query in ["scope=payments:refund", "x=1", "env=live"] {
        let call = ask(&format!("/authz/envoy/payments?{query}")).bearer(&token);
        assert_eq!(stage.answer_from(proxy(), call).await.status(), 200, "{query}");
    }
    let with_table = stage_with_table().await;
    let token = with_table.tokens(&with_table.shop).await.access;
    let call = ask("/authz/envoy/payments/1/refund?scope=payments:read").bearer(&token);
    assert_refused(&with_table.answer_from(proxy(), call).await, 403, "FORBIDDEN");
}

async fn stage_with_table() -> Stage {
    stage(TABLE).await
}

#[tokio::test]
async fn a_client_that_is_bound_to_networks_is_known_by_the_callers_address() {
    let mut stage = stage("").await;
    let bound = stage.client(Kind { addresses: &["192.0.2.0/24"], ..stage.kind() }).await;
    let issued = Call::post(crate::call::TOKEN).json(&bound.body());
    let issued = stage.answer_from("192.0.2.7".parse().unwrap(), issued).await.data();
    let token = issued["access_token"].as_str().unwrap();
    for (from, status) in [("192.0.2.7", 200), ("198.51.100.7", 403), ("\u{ff}", 403)] {
        let call = Call::get("/authz").header("x-forwarded-for", from).bearer(token);
        assert_eq!(stage.answer_from(proxy(), call).await.status().as_u16(), status, "{from}");
    }
}

#[tokio::test]
async fn a_server_that_was_cut_off_closes() {
    let stage = stage("").await;
    let token = stage.tokens(&stage.shop).await.access;
    stage.clock.set(NOW.after(Duration::from_secs(60)));
    let reply = stage.answer_from(proxy(), ask("/authz").bearer(&token)).await;
    assert_refused(&reply, 503, "UNAVAILABLE");
    let nginx = stage.answer_from(proxy(), ask("/authz/nginx").bearer(&token)).await;
    assert_says_the_same(&reply, &nginx, "stale");
}

#[tokio::test]
async fn nothing_is_answered_until_it_is_turned_on() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    for target in ["/authz", "/authz/nginx", "/authz/envoy/x"] {
        assert_refused(&stage.answer(Call::get(target).bearer(&token)).await, 404, "NOT_FOUND");
        assert!(!stage.server.paths().iter().any(|path| path.starts_with("/authz")));
    }
}
