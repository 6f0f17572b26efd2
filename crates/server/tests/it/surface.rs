//! The whole surface of errors: status, headers and body of each, in one snapshot.

mod administration;

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::json;
use tollgate_core::TokenError;
use tollgate_guard::Denial;
use tollgate_http::{NotUnderstood, Realm};
use tollgate_installation::{NotReady, Task, Unproved};
use tollgate_server::error::Error;
use tollgate_store::StoreError;

use crate::call::{CREATE, Call, LIST, REFRESH, Reply, TOKEN, assert_refused};
use crate::faults::{Fault, Faults};
use crate::stage::{Stage, create};

const JSON_ONLY: &str = "Send the body as Content-Type: application/json, in UTF-8.";

/// Knows every variant, so that none is forgotten below.
const fn known(error: &Error) {
    match error {
        Error::Invalid(_)
        | Error::Scope(_)
        | Error::Target(_)
        | Error::GrantType(_)
        | Error::InvalidClient(_)
        | Error::InvalidToken(_)
        | Error::RefreshRefused(_)
        | Error::AnothersToken
        | Error::Browser
        | Error::Address
        | Error::NotFound
        | Error::MethodNotAllowed { .. }
        | Error::Timeout
        | Error::BrokenBody
        | Error::TooLarge
        | Error::MediaType { .. }
        | Error::TooMany { .. }
        | Error::Store(_)
        | Error::NoSigningKey
        | Error::NoRandomBytes
        | Error::TokenTooLong
        | Error::Stale
        | Error::SlowHashesBusy
        | Error::NotReady(_)
        | Error::Admin(_)
        | Error::NoSuchThing
        | Error::NotAnOperator
        | Error::PlainAdministration
        | Error::TooManyActs { .. }
        | Error::OverQuota { .. }
        | Error::Internal(_) => (),
    }
}

/// Every variant but `Invalid`, `Scope`, `Target` and `GrantType`, which only a request can bring about. A new one does not compile here until it is added.
pub(crate) fn errors() -> Vec<Error> {
    let store = || StoreError::Unavailable("/var/lib/tollgate.db is full".to_owned());
    let lost = || StoreError::OutcomeUnknown("the connection to db1.example.com broke".to_owned());
    let errors = vec![
        Error::InvalidClient(Unproved::WrongSecret),
        Error::InvalidToken(TokenError::Expired),
        Error::RefreshRefused(Unproved::UnknownClient),
        Error::AnothersToken,
        Error::Browser,
        Error::Address,
        Error::NotFound,
        Error::MethodNotAllowed { allow: "GET, HEAD" },
        Error::Timeout,
        Error::BrokenBody,
        Error::TooLarge,
        Error::MediaType { why: NotUnderstood::Type, expected: JSON_ONLY },
        Error::MediaType { why: NotUnderstood::Compressed, expected: JSON_ONLY },
        Error::TooMany { retry_after: Duration::from_millis(1_001) },
        Error::Store(store()),
        Error::Store(lost()),
        Error::NoSigningKey,
        Error::NoRandomBytes,
        Error::TokenTooLong,
        Error::Stale,
        Error::SlowHashesBusy,
        Error::NotReady(NotReady::Draining),
        Error::NotReady(NotReady::NoSigningKey),
        Error::NotReady(NotReady::Stale),
        Error::NotReady(NotReady::Panicked(Task::Follower)),
        Error::NotReady(NotReady::Suspended("the store was moved".into())),
        Error::NoSuchThing,
        Error::NotAnOperator,
        Error::PlainAdministration,
        Error::TooManyActs { retry_after: Duration::from_secs(1) },
        Error::OverQuota { retry_after: Duration::from_secs(1) },
        Error::Internal("a handler panicked".to_owned()),
    ];
    let errors: Vec<_> =
        errors.into_iter().chain(administration::errors().into_iter().map(Error::Admin)).collect();
    errors.iter().for_each(known);
    errors
}

/// Every variant of the sandbox's errors but `Invalid`, likewise.
fn errors_of_the_sandbox() -> Vec<tollgate_sandbox::Error> {
    use tollgate_sandbox::Error;
    let known = |error: &Error| match error {
        Error::Invalid(_)
        | Error::NotFound
        | Error::PaymentRequestNotFound
        | Error::MerchantNotFound
        | Error::MethodNotAllowed { .. }
        | Error::Timeout
        | Error::BrokenBody
        | Error::TooLarge
        | Error::MediaType { .. }
        | Error::InProgress
        | Error::KeyReused
        | Error::Decided
        | Error::PageExpired
        | Error::TooMany { .. }
        | Error::Store(_)
        | Error::IdempotencyStore(_)
        | Error::Internal(_) => (),
    };
    let store = || StoreError::Unavailable("/var/lib/tollgate.db is full".to_owned());
    let lost = || StoreError::OutcomeUnknown("the connection to db1.example.com broke".to_owned());
    let errors = vec![
        Error::NotFound,
        Error::PaymentRequestNotFound,
        Error::MerchantNotFound,
        Error::MethodNotAllowed { allow: "GET, HEAD" },
        Error::Timeout,
        Error::BrokenBody,
        Error::TooLarge,
        Error::MediaType { why: NotUnderstood::Type, expected: JSON_ONLY },
        Error::MediaType { why: NotUnderstood::Compressed, expected: JSON_ONLY },
        Error::InProgress,
        Error::KeyReused,
        Error::Decided,
        Error::PageExpired,
        Error::TooMany { retry_after: Duration::from_millis(1_001) },
        Error::Store(store()),
        Error::Store(lost()),
        Error::IdempotencyStore(store()),
        Error::Internal("a handler panicked".to_owned()),
    ];
    errors.iter().for_each(known);
    errors
}

fn denials() -> Vec<Denial> {
    let known = |denial: &Denial| match denial {
        Denial::NoToken
        | Denial::InvalidToken(_)
        | Denial::Inactive
        | Denial::Environment
        | Denial::InsufficientScope(_)
        | Denial::Address
        | Denial::Stale => (),
    };
    let denials = vec![
        Denial::NoToken,
        Denial::InvalidToken(TokenError::Expired),
        Denial::Inactive,
        Denial::Environment,
        Denial::InsufficientScope("payments:write".parse().unwrap()),
        Denial::Address,
        Denial::Stale,
    ];
    denials.iter().for_each(known);
    denials
}

/// Adds an answer as it goes over the wire, but for the id that each request has of its own.
pub(crate) fn add(surface: &mut String, name: &str, answer: &Response<impl AsRef<[u8]>>) {
    let mut headers: Vec<_> = answer
        .headers()
        .iter()
        .filter(|(name, _)| *name != "x-request-id")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let body = String::from_utf8_lossy(answer.body().as_ref());
    writeln!(surface, "## {name}\n{}\n{}\n\n{body}\n", answer.status(), headers.join("\n")).unwrap();
}

#[tokio::test]
async fn every_refusal_has_this_status_these_headers_and_this_body() {
    let (mut surface, realm) = (String::new(), Realm::of("payment-api"));
    for error in errors() {
        let name = format!("{error:?}");
        let answer: Response<Bytes> = error.response_in(&realm);
        add(&mut surface, &name, &answer);
    }
    for error in errors_of_the_sandbox() {
        add(&mut surface, &format!("sandbox: {error:?}"), &error.response::<Bytes>());
    }
    for denial in denials() {
        let answer: Response<Bytes> = denial.clone().response(&realm);
        add(&mut surface, &format!("{denial:?}"), &answer);
    }
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let token = stage.tokens(&stage.shop).await.access;
    for (name, call) in refused_calls(&stage, &token) {
        add(&mut surface, name, &stage.answer(call).await.0);
    }
    faults.set("client", Fault::Panics);
    faults.set("add_document", Fault::Panics);
    faults.set("documents", Fault::Panics);
    let mut stranger = stage.shop.clone();
    stranger.id = "0191e0a1-5c3b-4def-8123-456789abcdef".parse().unwrap();
    for (name, call) in [
        ("a panic in the authority", Call::post(TOKEN).json(&stranger.body())),
        ("a panic in a task of the sandbox", create(&token)),
        ("a panic in the sandbox", Call::get(LIST).bearer(&token)),
    ] {
        add(&mut surface, name, &stage.answer(call).await.0);
    }
    insta::assert_snapshot!(surface);
}

fn refused_calls(stage: &Stage, token: &str) -> Vec<(&'static str, Call)> {
    vec![
        ("a wrong secret", Call::post(TOKEN).json(&json!({"client_id": "x", "client_secret": "y"}))),
        ("a wrong refresh token", Call::post(REFRESH).json(&json!({"refresh_token": "x"}))),
        ("a browser page", Call::post(TOKEN).header("origin", "https://shop.example").json(&json!({}))),
        ("no token", Call::get(LIST)),
        ("a wrong token", Call::get(LIST).bearer("x")),
        ("no such path", Call::get("/nothing/here")),
        ("no such path, to post to", Call::post("/api/v1/oauth2/introspection").json(&json!({}))),
        ("GET of the token endpoint", Call::get(TOKEN)),
        ("GET of the refresh endpoint", Call::get(REFRESH)),
        ("GET of what is posted", Call::get(CREATE).bearer(token)),
        ("POST to the list", Call::post(LIST).bearer(token)),
        ("DELETE of a payment request", Call::new("DELETE", &format!("{LIST}/x")).bearer(token)),
        ("PUT of a payment page", Call::new("PUT", "/pay/x")),
        ("POST to the health check", Call::post("/healthz")),
        ("a path that is not UTF-8", Call::get(&format!("{LIST}/%ff")).bearer(token)),
        ("a payment page that is not UTF-8", Call::get("/pay/%ff")),
        ("too long a body for the authority", Call::post(TOKEN).body("application/json", " ".repeat(65_537))),
        (
            "too long a body for a payment",
            Call::post(CREATE).bearer(token).body("application/json", " ".repeat(65_537)),
        ),
        ("another type for the authority", Call::post(TOKEN).body("text/plain", "x")),
        ("another type for the refresh", Call::post(REFRESH).form("refresh_token=x")),
        ("another type for a payment", Call::post(CREATE).bearer(token).form("amount=1")),
        ("problems of a token request", Call::post(TOKEN).json(&json!({"grant_type": "x"}))),
        (
            "a scope beyond the client's",
            Call::post(TOKEN)
                .json(&json!({"client_id": stage.shop.id, "client_secret": stage.shop.secret, "scope": "x"})),
        ),
        ("problems of a payment", Call::post(CREATE).bearer(token).json(&json!({"amount": 0}))),
        ("problems of a query", Call::get(&format!("{LIST}?limit=0")).bearer(token)),
    ]
}

#[tokio::test]
async fn after_a_panic_the_server_goes_on() {
    let faults = Faults::default();
    let stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let token = stage.tokens(&stage.shop).await.access;
    faults.set("documents", Fault::Panics);
    let reply = stage.list(&token).await;
    assert_refused(&reply, 500, "INTERNAL_ERROR");
    assert!(!reply.header("x-request-id").is_empty());
    assert!(!reply.text().contains("secret.db"));
    faults.clear();
    assert_eq!(stage.list(&token).await.status(), 200);
}

#[tokio::test]
async fn known_clients_get_tokens_while_the_store_is_down_and_unknown_ones_wait() {
    let faults = Faults::default();
    let mut stage = Stage::with(&[], |store| faults.in_front_of(store)).await;
    let stranger = stage.client(stage.kind()).await;
    let tokens = stage.tokens(&stage.shop).await;
    faults.set("client", Fault::Refuses);
    stage.tokens(&stage.shop).await;
    assert_eq!(stage.refresh(&tokens.refresh).await.status(), 200);
    let reply = stage.answer(Call::post(TOKEN).json(&stranger.body())).await;
    assert_refused(&reply, 503, "UNAVAILABLE");
    assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
    faults.clear();
    stage.tokens(&stranger).await;
}

#[tokio::test]
async fn the_server_is_ready_while_it_follows_the_changes_of_others() {
    let stage = Stage::open().await;
    let get = |path: &'static str| Call::get(path);
    assert_eq!(stage.answer(get("/healthz")).await.data()["status"], "up");
    assert_eq!(stage.answer(get("/readyz")).await.data()["status"], "ready");
    stage.clock.advance(Duration::from_secs(60));
    let reply = stage.answer(get("/readyz")).await;
    assert_refused(&reply, 503, "UNAVAILABLE");
    assert!(reply.text().contains("has not been read from the store"), "{}", reply.text());
    assert_eq!(stage.answer(get("/healthz")).await.status(), 200);
    stage.follow().await;
    assert_eq!(stage.answer(get("/readyz")).await.status(), 200);
    stage.server.start_draining();
    let reply = stage.answer(get("/readyz")).await;
    assert_refused(&reply, 503, "UNAVAILABLE");
    assert!(reply.text().contains("draining"), "{}", reply.text());
}

/// Whatever the route and the method, an answer of the API is the envelope with an id.
#[tokio::test]
async fn every_route_and_method_answers_in_the_envelope() {
    let stage = Stage::open().await;
    for path in [
        TOKEN,
        REFRESH,
        CREATE,
        LIST,
        "/api/v1/payment-requests/x",
        "/api/v1/payment-requests/x/y",
        "/api/v1",
        "/",
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"] {
            let reply: Reply = stage.answer(Call::new(method, path)).await;
            assert!(reply.status().is_client_error(), "{method} {path}: {}", reply.status());
            if method == "HEAD" {
                let get = stage.answer(Call::get(path)).await;
                assert_eq!((reply.status(), reply.text()), (get.status(), ""), "{path}");
                assert_eq!(reply.header("content-length"), get.text().len().to_string(), "{path}");
            } else {
                reply.refusal();
            }
            assert!(!reply.header("x-request-id").is_empty(), "{method} {path}");
            assert_eq!(reply.header("x-content-type-options"), "nosniff", "{method} {path}");
            assert_eq!(reply.status() == 405, !reply.header("allow").is_empty(), "{method} {path}");
        }
    }
}
