//! Answers of the provider: late, long, wrong, or somebody else's; and what is logged of all that.

use std::panic::Location;

use serde_json::json;

use super::scripted::SECRET;
use super::{BEGIN, Browser, Scene, assert_refused};
use crate::written_log::WrittenLog;

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Where a sign-in can't even be begun.
async fn assert_not_begun(scene: &Scene, why: &str) {
    let reply = Browser::at(&scene.stage).get(BEGIN).await;
    assert_refused(&reply, 503, why, Location::caller());
    assert!(reply.text().contains("Meanwhile a link signs you in"), "{}", reply.text());
}

#[tokio::test]
async fn a_provider_that_is_not_what_is_configured_is_sent_nobody() {
    let scene = Scene::open().await;
    let whole = scene.provider.script().discovery.clone();
    let endpoint = |name| {
        format!(
            "the discovery document has an {name} that can't be used: it must be an absolute URL, by https as the issuer"
        )
    };
    let issuer = "the discovery document has another issuer than console.oidc.issuer, which must be the same letter by letter";
    let pkce = "the provider does not offer PKCE by S256 (code_challenge_methods_supported)";
    for (name, value, why) in [
        ("issuer", json!("https://login.example.com/"), issuer),
        (
            "authorization_endpoint",
            json!("http://login.example.com/authorize"),
            &*endpoint("authorization_endpoint"),
        ),
        ("token_endpoint", json!("http://127.0.0.1/token"), &*endpoint("token_endpoint")),
        ("jwks_uri", json!("/keys"), &*endpoint("jwks_uri")),
        ("code_challenge_methods_supported", json!(["plain"]), pkce),
        ("token_endpoint", json!(null), "the discovery document is not in its form"),
    ] {
        scene.provider.script().discovery = whole.clone();
        scene.provider.script().discovery[name] = value;
        assert_not_begun(&scene, why).await;
    }
    for (status, body, why) in [
        (200, "<html>".to_owned(), "the discovery document is not in its form"),
        (200, " ".repeat(256 * 1024 + 1), "the discovery document is longer than 262144 bytes"),
        (302, String::new(), "instead of the discovery document the provider answered with status 302"),
        (503, String::new(), "instead of the discovery document the provider answered with status 503"),
    ] {
        scene.provider.script().instead.insert(DISCOVERY, Some((status, body.into_bytes())));
        assert_not_begun(&scene, why).await;
    }
}

#[tokio::test]
async fn wrong_answers_to_a_code_are_told_apart_in_the_log_alone() {
    let scene = Scene::open().await;
    for (path, status, body, why) in [
        (
            "/token",
            401,
            r#"{"error":"invalid_client","error_description":"CANARY"}"#,
            "instead of the token response the provider answered with status 401 and the error invalid_client",
        ),
        (
            "/token",
            500,
            r#"{"error":"<b>CANARY</b>"}"#,
            "instead of the token response the provider answered with status 500 and the error (no error code)",
        ),
        (
            "/token",
            200,
            r#"{"access_token":"x"}"#,
            "the token response has no ID token: is openid among the scopes?",
        ),
        ("/token", 200, "[]", "the token response is not in its form"),
        ("/keys", 200, "{}", "the key set is not in its form"),
        ("/keys", 404, "", "instead of the key set the provider answered with status 404"),
    ] {
        scene.provider.script().instead = [(path, Some((status, body.as_bytes().to_vec())))].into();
        scene.refused(503, why).await;
    }
    scene.provider.script().instead = [("/keys", Some((200, vec![b' '; 256 * 1024 + 1])))].into();
    scene.refused(503, "the key set is longer than 262144 bytes").await;
    scene.provider.script().instead.clear();
    scene.provider.script().secret = Err("the file is away".to_owned());
    scene.refused(503, "the client secret can't be read: the file is away").await;
    scene.provider.script().secret = Ok(SECRET.to_owned());
    assert_eq!(scene.sign_in().await.status(), 200, "the secret is read again");
}

#[tokio::test]
async fn the_console_authenticates_in_the_way_that_the_provider_takes() {
    let scene = Scene::open().await;
    for (methods, is_basic) in [
        (json!(null), true),
        (json!(["client_secret_post", "client_secret_basic"]), true),
        (json!(["private_key_jwt", "client_secret_post"]), false),
    ] {
        scene.provider.script().discovery["token_endpoint_auth_methods_supported"] = methods;
        assert_eq!(scene.sign_in().await.status(), 200);
        let asked =
            scene.provider.script().asked.iter().rfind(|asked| asked.path == "/token").cloned().unwrap();
        assert_eq!(
            (asked.authorization.is_some(), !asked.form.contains_key("client_secret")),
            (is_basic, is_basic)
        );
        assert_eq!(asked.form["grant_type"], "authorization_code");
    }
    scene.provider.script().discovery["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]);
    let why = "the provider takes neither client_secret_basic nor client_secret_post (token_endpoint_auth_methods_supported)";
    scene.refused(503, why).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_five_seconds_for_an_answer() {
    let scene = Scene::open().await;
    for (path, what) in [("/token", "the token response"), ("/keys", "the key set")] {
        scene.provider.script().instead = [(path, None)].into();
        let begun = tokio::time::Instant::now();
        scene.refused(503, &format!("{what} has not come within 5 s")).await;
        assert_eq!(begun.elapsed().as_secs(), 5);
    }
    scene.provider.script().instead = [(DISCOVERY, None)].into();
    assert_not_begun(&scene, "the discovery document has not come within 5 s").await;
}

#[tokio::test]
async fn the_answer_of_another_provider_is_refused() {
    let scene = Scene::open().await;
    let mixed = "the answer names no issuer or another one (RFC 9207)";
    let without = |query: &str| query.split("&iss=").next().unwrap().to_owned();
    let mut browser = Browser::at(&scene.stage);
    let query = without(&browser.go_to(&scene.provider).await);
    assert_refused(&browser.come_back(&query).await, 403, mixed, Location::caller());
    let query = without(&browser.go_to(&scene.provider).await) + "&iss=https%3A%2F%2Fevil.example";
    assert_refused(&browser.come_back(&query).await, 403, mixed, Location::caller());
    scene.provider.script().discovery["authorization_response_iss_parameter_supported"] = json!(false);
    let query = without(&browser.go_to(&scene.provider).await) + "&iss=https%3A%2F%2Fevil.example";
    assert_refused(&browser.come_back(&query).await, 403, mixed, Location::caller());
    let query = without(&browser.go_to(&scene.provider).await);
    assert_eq!(
        browser.come_back(&query).await.status(),
        200,
        "one that does not say so need not name itself"
    );
}

#[tokio::test]
async fn who_cancels_is_told_so_and_an_error_of_the_provider_is_no_sign_in() {
    let scene = Scene::open().await;
    let mut browser = Browser::at(&scene.stage);
    for (error, status, page) in [
        ("access_denied", 403, "you cancelled, or may not use this console"),
        ("login_required", 403, "you cancelled, or may not use this console"),
        ("invalid_scope", 503, "not in the way that is configured"),
        ("server_error", 503, "Meanwhile a link signs you in"),
    ] {
        let query = browser.go_to(&scene.provider).await.replace("code=", "unused=");
        let reply = browser.come_back(&format!("{query}&error={error}&error_description=CANARY")).await;
        let why = format!("the provider sent the browser back with the error {error}");
        assert_refused(&reply, status, &why, Location::caller());
        assert!(reply.text().contains(page) && !reply.text().contains("CANARY"), "{}", reply.text());
    }
    let query = browser.go_to(&scene.provider).await;
    let reply = browser.come_back(&format!("{query}&error=%3Cscript%3E")).await;
    let why = "the provider sent the browser back with the error (no error code)";
    assert_refused(&reply, 503, why, Location::caller());
    let query = browser.go_to(&scene.provider).await.replace("code=", "unused=");
    let reply = browser.come_back(&query).await;
    assert_refused(&reply, 403, "the answer has neither a code nor an error", Location::caller());
    let query = browser.go_to(&scene.provider).await;
    assert_eq!(browser.come_back(&format!("{query}&code=another")).await.status(), 400, "it is there twice");
}

#[tokio::test]
async fn neither_codes_nor_secrets_nor_tokens_are_in_the_log_or_on_a_page() {
    let written = WrittenLog::start();
    let scene = Scene::open().await;
    scene.stage.server.log_requests(written.requests());
    let mut replies = vec![scene.sign_in().await];
    scene.provider.script().user["nonce"] = json!("another");
    replies.push(scene.sign_in().await);
    scene.provider.script().instead =
        [("/token", Some((401, b"{\"error\":\"invalid_client\"}".to_vec())))].into();
    replies.push(scene.sign_in().await);
    let mut browser = Browser::at(&scene.stage);
    let query = browser.go_to(&scene.provider).await;
    replies.push(Browser::at(&scene.stage).come_back(&query).await);
    let log = written.end();
    assert!(log.contains("belongs to another sign-in (nonce)") && log.contains("invalid_client"), "{log}");
    let secrets = scene.provider.script().secrets.clone();
    assert!(secrets.len() > 12, "{secrets:?}");
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "{secret} is in the log: {log}");
        for reply in &replies {
            assert!(!reply.text().contains(secret.as_str()), "{secret} is on a page: {}", reply.text());
        }
    }
}
