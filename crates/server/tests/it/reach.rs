//! What reaches the token endpoints: one method, one spelling of the path, and no page of a browser.

use std::sync::Arc;

use tollgate_server::{Mounted, Server};

use crate::call::{Call, REFRESH, TOKEN, assert_refused};
use crate::stage::{PEER, Stage, answer};

#[tokio::test]
async fn a_request_that_a_browser_page_sent_is_refused_and_told_why() {
    let stage = Stage::open().await;
    for path in [TOKEN, REFRESH] {
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-origin"),
        ] {
            for method in ["POST", "OPTIONS", "GET"] {
                let call = Call::new(method, path).header(name, value).json(&stage.shop.body());
                let reply = stage.answer(call).await;
                assert_refused(&reply, 403, "BROWSER_NOT_ALLOWED");
                assert!(reply.json()["error"]["message"].as_str().unwrap().contains("browser"));
            }
        }
    }
    let node = Call::post(TOKEN).header("sec-fetch-mode", "cors").json(&stage.shop.body());
    assert_eq!(stage.answer(node).await.status(), 200);
}

#[tokio::test]
async fn only_post_is_answered_and_nothing_is_echoed() {
    let stage = Stage::open().await;
    for path in [TOKEN, REFRESH] {
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let call = Call::new(method, path).header("x-echo", "canary").json(&stage.shop.body());
            let reply = stage.answer(call).await;
            assert_refused(&reply, 405, "METHOD_NOT_ALLOWED");
            assert_eq!(reply.header("allow"), "POST");
            assert!(!reply.text().contains("canary") && !reply.text().contains(&stage.shop.secret));
        }
    }
}

#[tokio::test]
async fn no_second_spelling_of_the_path_reaches_the_endpoint() {
    let stage = Stage::open().await;
    for path in [
        "/api/v1/oauth2/token/",
        "//api/v1/oauth2/token",
        "/api//v1/oauth2/token",
        "/api/v1/oauth2/Token",
        "/API/v1/oauth2/token",
        "/api/v1/oauth2/%74oken",
        "/api/v1/oauth2/token;x",
        "/api/v1/oauth2/token%00",
        "/api/v1/./oauth2/token",
        "/api/v1/x/../oauth2/token",
    ] {
        let reply = stage.answer(Call::post(path).json(&stage.shop.body())).await;
        assert_refused(&reply, 404, "NOT_FOUND");
    }
}

/// The paths that a server answers at which serves operators too, whatever else is mounted beside it.
const OWN: [&str; 30] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/admin/v1/audit",
    "/admin/v1/clients",
    "/admin/v1/clients/{id}",
    "/admin/v1/clients/{id}/disable",
    "/admin/v1/clients/{id}/enable",
    "/admin/v1/clients/{id}/secrets",
    "/admin/v1/clients/{id}/secrets/{secret_id}/revoke",
    "/admin/v1/keys",
    "/admin/v1/keys/compromised",
    "/admin/v1/keys/rotate",
    "/admin/v1/merchants",
    "/admin/v1/merchants/{id}",
    "/admin/v1/merchants/{id}/disable",
    "/admin/v1/merchants/{id}/enable",
    "/admin/v1/revocations",
    "/admin/v1/stats",
    "/api/v1/oauth2/refresh",
    "/api/v1/oauth2/token",
    "/console",
    "/healthz",
    "/metrics",
    "/oauth2/introspect",
    "/oauth2/jwks",
    "/oauth2/revocations",
    "/oauth2/revoke",
    "/oauth2/token",
    "/openapi.json",
    "/readyz",
];

/// The paths of the sandbox without a playground.
const OF_THE_SANDBOX: [&str; 8] = [
    "/",
    "/api/v1/payment-requests",
    "/api/v1/payment-requests/{id}",
    "/api/v1/payment-requests:redirect",
    "/assets/{name}",
    "/docs",
    "/favicon.ico",
    "/pay/{id}",
];

fn paths(stage: &Stage) -> Vec<&'static str> {
    let mut paths = stage.server.paths();
    paths.sort_unstable();
    paths
}

#[tokio::test]
async fn a_server_without_the_sandbox_has_none_of_its_routes() {
    let stage = Stage::with(&[("TOLLGATE_SANDBOX", "false")], |store| Arc::new(store)).await;
    assert_eq!(paths(&stage), OWN);
    for path in OF_THE_SANDBOX.into_iter().chain(["/playground"]) {
        let reply = stage.answer(Call::get(&path.replace("{id}", "x").replace("{name}", "x"))).await;
        assert_refused(&reply, 404, "NOT_FOUND");
    }
    let with_it = Stage::open().await;
    let mut all: Vec<_> = OWN.into_iter().chain(OF_THE_SANDBOX).collect();
    all.sort_unstable();
    assert_eq!(paths(&with_it), all);
}

#[tokio::test]
async fn a_server_in_which_nothing_is_mounted_has_neither_administration_nor_console() {
    let stage = Stage::open().await;
    let server = Server::new(stage.installation.clone(), true, |_| Mounted::default());
    let of_operators = |path: &&str| path.starts_with("/admin/") || path.starts_with("/console");
    let mut paths = server.paths();
    paths.sort_unstable();
    let (mounted, own): (Vec<_>, Vec<_>) = OWN.into_iter().partition(of_operators);
    assert_eq!((mounted.len(), paths), (17, own));
    for path in mounted {
        assert_refused(&answer(&server, PEER, Call::get(path).whole()).await, 404, "NOT_FOUND");
    }
    assert_eq!(answer(&server, PEER, Call::get("/readyz").whole()).await.status(), 200);
}
