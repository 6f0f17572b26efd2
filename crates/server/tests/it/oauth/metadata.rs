//! `GET /.well-known/oauth-authorization-server` and `GET /oauth2/jwks`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{introspect, post_as, revoke};
use crate::call::{Call, KEYS, METADATA, OPENID, Reply, assert_oauth_refused, assert_refused, claims};
use crate::stage::Stage;

async fn at(public_url: &str) -> Stage {
    Stage::with(&[("TOLLGATE_PUBLIC_URL", public_url)], |store| Arc::new(store)).await
}

#[track_caller]
fn published(reply: &Reply) -> Value {
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/json");
    assert!(reply.header("cache-control").starts_with("public, max-age="));
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert!(!reply.header("x-request-id").is_empty());
    assert!(reply.0.headers().keys().all(|name| !name.as_str().starts_with("access-control-")));
    reply.json()
}

#[tokio::test]
async fn the_authority_describes_itself() {
    let stage = at("https://core.example.com").await;
    let methods = json!(["client_secret_basic", "client_secret_post"]);
    assert_eq!(
        published(&stage.answer(Call::get(METADATA)).await),
        json!({
            "issuer": "https://core.example.com",
            "token_endpoint": "https://core.example.com/oauth2/token",
            "token_endpoint_auth_methods_supported": methods,
            "grant_types_supported": ["client_credentials", "refresh_token"],
            "response_types_supported": [],
            "introspection_endpoint": "https://core.example.com/oauth2/introspect",
            "introspection_endpoint_auth_methods_supported": methods,
            "revocation_endpoint": "https://core.example.com/oauth2/revoke",
            "revocation_endpoint_auth_methods_supported": methods,
            "jwks_uri": "https://core.example.com/oauth2/jwks",
            "id_token_signing_alg_values_supported": ["HS256"],
            "subject_types_supported": ["public"],
        })
    );
}

#[tokio::test]
async fn what_it_names_is_served() {
    let stage = Stage::open().await;
    let metadata = published(&stage.answer(Call::get(METADATA)).await);
    let issued = stage.tokens(&stage.shop).await;
    assert_eq!(metadata["issuer"], claims(&issued.access)["iss"]);
    let path = |name: &str| metadata[name].as_str().unwrap().strip_prefix("http://127.0.0.1:8080").unwrap();
    for grant in metadata["grant_types_supported"].as_array().unwrap() {
        let form = format!("grant_type={}&refresh_token={}", grant.as_str().unwrap(), issued.refresh);
        let reply = stage.answer(post_as(&stage.shop, path("token_endpoint"), &form)).await;
        assert_eq!(reply.status(), 200, "{grant}");
    }
    let form = format!("token={}", issued.access);
    for name in ["introspection_endpoint", "revocation_endpoint"] {
        assert_eq!(stage.answer(post_as(&stage.shop, path(name), &form)).await.status(), 200, "{name}");
    }
    assert_eq!(stage.answer(Call::get(path("jwks_uri"))).await.status(), 200);
}

#[tokio::test]
async fn an_issuer_with_a_path_is_described_at_both_places() {
    let stage = at("https://pay.example.com/core/v2").await;
    for target in [METADATA.to_owned(), format!("{METADATA}/core/v2"), format!("{METADATA}?x=1")] {
        let metadata = published(&stage.answer(Call::get(&target)).await);
        assert_eq!(metadata["issuer"], "https://pay.example.com/core/v2");
        assert_eq!(metadata["token_endpoint"], "https://pay.example.com/core/v2/oauth2/token");
    }
    for other in ["/", "/core", "/core/v2/", "/core/v2/x", "/x", "//core/v2", "/core%2Fv2"] {
        let reply = stage.answer(Call::get(&format!("{METADATA}{other}"))).await;
        assert_oauth_refused(&reply, 404, "invalid_request");
    }
    assert_refused(&stage.answer(Call::get(&format!("{METADATA}x"))).await, 404, "NOT_FOUND");
}

#[tokio::test]
async fn an_issuer_without_a_path_is_described_at_one_place() {
    for public_url in ["https://core.example.com", "https://core.example.com:8443", "http://[::1]:8080"] {
        let stage = at(public_url).await;
        assert_eq!(published(&stage.answer(Call::get(METADATA)).await)["issuer"], public_url);
        for other in ["/", "/core.example.com", "//"] {
            let reply = stage.answer(Call::get(&format!("{METADATA}{other}"))).await;
            assert_oauth_refused(&reply, 404, "invalid_request");
        }
    }
}

#[tokio::test]
async fn what_a_caller_says_of_the_host_changes_nothing() {
    let stage = at("https://core.example.com").await;
    let plain = published(&stage.answer(Call::get(METADATA)).await);
    for header in ["host", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "forwarded"] {
        let reply = stage.answer(Call::get(METADATA).header(header, "evil.example")).await;
        assert_eq!(published(&reply), plain, "{header}");
    }
}

#[tokio::test]
async fn no_key_of_hs256_is_published() {
    let stage = Stage::open().await;
    assert_eq!(published(&stage.answer(Call::get(KEYS)).await), json!({"keys": []}));
}

#[tokio::test]
async fn an_openid_client_finds_the_same_document_under_its_name() {
    for (public_url, places) in [
        ("https://core.example.com", vec![OPENID.to_owned()]),
        (
            "https://pay.example.com/core/v2",
            vec![OPENID.to_owned(), format!("/core/v2{OPENID}"), format!("{OPENID}/core/v2")],
        ),
    ] {
        let stage = at(public_url).await;
        let metadata = published(&stage.answer(Call::get(METADATA)).await);
        for place in places {
            assert_eq!(published(&stage.answer(Call::get(&place)).await), metadata, "{place}");
        }
        let reply = stage.answer(Call::get(&format!("{OPENID}/x"))).await;
        assert_oauth_refused(&reply, 404, "invalid_request");
        assert_refused(&stage.answer(Call::get(&format!("/x{OPENID}"))).await, 404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn head_says_what_get_would_and_nothing_else_is_taken() {
    let stage = Stage::open().await;
    for target in [METADATA, KEYS] {
        let get = stage.answer(Call::get(target)).await;
        let head = stage.answer(Call::new("HEAD", target)).await;
        assert_eq!((head.status(), head.text()), (get.status(), ""));
        assert_eq!(head.header("content-length"), get.text().len().to_string());
        for name in ["content-type", "cache-control"] {
            assert_eq!(head.header(name), get.header(name));
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
            let reply = stage.answer(Call::new(method, target)).await;
            assert_oauth_refused(&reply, 405, "invalid_request");
            assert_eq!(reply.header("allow"), "GET, HEAD");
        }
    }
}

/// Labels come from a closed set, whatever path is asked for.
#[tokio::test]
async fn each_path_is_counted_under_its_own_name() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    introspect(&stage, &stage.shop, &token).await;
    revoke(&stage, &stage.shop, &token).await;
    for target in [METADATA, &format!("{METADATA}/x"), KEYS] {
        stage.answer(Call::get(target)).await;
    }
    let metrics = stage.answer(Call::get("/metrics")).await;
    for (route, status) in
        [("/oauth2/introspect", 200), ("/oauth2/revoke", 200), (METADATA, 200), (METADATA, 404), (KEYS, 200)]
    {
        let line = format!("tollgate_requests_total{{route=\"{route}\",status=\"{status}\"}} 1\n");
        assert!(metrics.text().contains(&line), "{line}");
    }
}
