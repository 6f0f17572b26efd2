//! The middleware for reqwest, over real HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tollgate_client::{Authorizer, Cached, Origin, Settings};

use crate::issuer::Issuer;
use crate::server::{Reply, Server};

const REFUSAL: &[(&str, &str)] = &[("www-authenticate", "Bearer error=\"invalid_token\"")];

fn client(issuer: &Issuer, api: &Server) -> ClientWithMiddleware {
    client_with(issuer, api, true)
}

fn client_with(issuer: &Issuer, api: &Server, keys: bool) -> ClientWithMiddleware {
    let cached = Cached::new(issuer.credentials(), Settings::default());
    let authorizer = Authorizer::new(cached, [Origin::of(&api.url()).unwrap()]);
    let authorizer = if keys { authorizer } else { authorizer.without_idempotency_keys() };
    let tls =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
    let client = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build().unwrap();
    ClientBuilder::new(client).with(authorizer).build()
}

/// An API that refuses the first request and answers the others.
fn refusing_once() -> Server {
    let refused = Arc::new(AtomicBool::new(false));
    Server::start(move |_| {
        if refused.swap(true, Ordering::SeqCst) {
            Reply::new(200, &[], "done")
        } else {
            Reply::new(401, REFUSAL, "refused")
        }
    })
}

#[tokio::test]
async fn a_refused_post_is_sent_once_more_with_the_same_key_and_body() {
    let (issuer, api) = (Issuer::start(), refusing_once());
    let sending = client(&issuer, &api).post(format!("{}/payments", api.url())).body("hello");
    assert_eq!(sending.send().await.unwrap().text().await.unwrap(), "done");
    let seen = api.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| seen.body == "hello"));
    assert_eq!(seen[0].header("authorization"), Some("Bearer access-s1"));
    assert_eq!(seen[1].header("authorization"), Some("Bearer access-r1"));
    assert!(seen[0].header("idempotency-key").is_some());
    assert_eq!(seen[0].header("idempotency-key"), seen[1].header("idempotency-key"));
}

#[tokio::test]
async fn a_stream_is_sent_again_up_to_64_kib_and_never_becomes_an_error() {
    for (length, sent) in [(60_000, 2), (70_000, 1)] {
        let (issuer, api) = (Issuer::start(), refusing_once());
        let body = http_body_util::Full::<bytes::Bytes>::from("x".repeat(length));
        let body = reqwest::Body::wrap(body);
        let answer = client(&issuer, &api).post(api.url()).body(body).send().await.unwrap();
        assert_eq!(answer.status(), if sent == 2 { 200 } else { 401 });
        let seen = api.seen();
        assert_eq!(seen.len(), sent);
        assert!(seen.iter().all(|seen| seen.body.len() == length));
    }
}

#[tokio::test]
async fn other_origins_see_no_token_not_even_by_a_redirect() {
    let (issuer, other) = (Issuer::start(), Server::start(|_| Reply::new(401, REFUSAL, "refused")));
    let location = other.url();
    let api = Server::start(move |_| Reply::new(307, &[("location", &location)], ""));
    let client = client(&issuer, &api);
    assert_eq!(client.get(other.url()).send().await.unwrap().status(), 401);
    assert_eq!(client.get(api.url()).send().await.unwrap().status(), 401);
    assert_eq!(other.seen().len(), 2);
    assert!(other.seen().iter().all(|seen| seen.header("authorization").is_none()));
    assert_eq!(api.seen().len(), 1);
    assert_eq!(api.seen()[0].header("authorization"), Some("Bearer access-s1"));
    // What another origin says about a token is no word about ours.
    assert_eq!(issuer.granted(), (1, 0));
}

#[tokio::test]
async fn without_a_token_the_request_is_not_sent() {
    let (issuer, api) = (Issuer::start(), refusing_once());
    issuer.secret.set("wrong");
    let error = client(&issuer, &api).get(api.url()).send().await.unwrap_err();
    assert!(error.to_string().contains("401 INVALID_CLIENT"), "{error}");
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn a_request_whose_connection_breaks_is_sent_again_where_it_may_arrive_twice() {
    for (method, keys, sent) in
        [(Method::POST, true, 2), (Method::PUT, false, 2), (Method::GET, false, 2), (Method::POST, false, 1)]
    {
        let issuer = Issuer::start();
        let broken = AtomicBool::new(false);
        let api = Server::start(move |_| {
            if broken.swap(true, Ordering::SeqCst) {
                Reply::new(200, &[], "done")
            } else {
                Reply::Bytes(Vec::new())
            }
        });
        let stream = http_body_util::Full::<bytes::Bytes>::from("hello");
        let sending = client_with(&issuer, &api, keys).request(method.clone(), api.url());
        let answer = sending.body(reqwest::Body::wrap(stream)).send().await;
        assert_eq!(answer.is_ok_and(|answer| answer.status() == 200), sent == 2, "{method}");
        let seen = api.seen();
        assert_eq!(seen.len(), sent, "{method}");
        assert!(seen.iter().all(|again| again.body == "hello" && again.head == seen[0].head));
    }
}
