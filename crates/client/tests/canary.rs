//! Nothing secret comes out: not in events and spans at TRACE, ours and our libraries', not in metrics, and not in what
//! `Debug` and `Display` show of any value.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "it/issuer.rs"]
mod issuer;
mod listening;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "it/server.rs"]
mod server;

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tollgate_client::{
    Authorizer, Cached, ClientAuthentication, ClientCredentials, Dialect, Origin, Replay, Settings,
};
use tower::{Layer as _, ServiceExt, service_fn};

use crate::issuer::{Issuer, Kept};
use crate::listening::{listen, said, say};
use crate::server::{Reply, Server};

/// Repeats the names and labels of all that is counted.
struct Counted;

impl Recorder for Counted {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        say(key);
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        say(key);
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        say(key);
        Histogram::noop()
    }
}

fn say_error(error: &(dyn Error + 'static)) {
    say(error);
    say(&error.to_string());
    if let Some(source) = error.source() {
        say_error(source);
    }
}

/// A whole life: obtained, renewed, refused by the API, refused by the authority, rotated.
async fn live(issuer: &Issuer, credentials: ClientCredentials) {
    let cached = Cached::new(credentials, Settings::default().on_change(|change| say(change)));
    let authorizer = Authorizer::new(cached.clone(), [Origin::of("https://api.example.com").unwrap()]);
    let service = authorizer.layer(service_fn(|request: Request<Replay<Full<Bytes>>>| async move {
        say(request.headers());
        let refusal = Response::builder().status(401);
        let refusal = refusal.header("www-authenticate", "Bearer error=\"invalid_token\"");
        Ok::<_, Infallible>(refusal.body("refused").unwrap())
    }));
    let request = || Request::post("https://api.example.com/").body(Full::<Bytes>::from("x")).unwrap();
    service.clone().oneshot(request()).await.unwrap();
    say(&cached.ready().await);
    issuer.rotate("canary-secret-2");
    service.clone().oneshot(request()).await.unwrap();
    issuer.secret.set("canary-secret-2");
    say(&cached.state());
    say(&cached.authorization());
}

async fn fail(reply: impl Fn() -> Reply + Send + Sync + 'static) {
    let server = Server::start(move |_| reply());
    let dialect = Dialect::payment_api(&server.url()).unwrap();
    say(&dialect);
    let credentials = ClientCredentials::builder(dialect, Kept::new("client"), Kept::new("canary-secret-1"));
    let credentials = credentials.timeout(Duration::from_millis(200)).build().unwrap();
    let cached = Cached::new(credentials, Settings::default().wait(Duration::from_millis(300)));
    while cached.state() == tollgate_client::State::Waiting {
        tokio::task::yield_now().await;
    }
    say_error(&cached.ready().await.unwrap_err());
}

#[tokio::test]
async fn nothing_secret_comes_out() {
    listen();
    metrics::set_global_recorder(Counted).unwrap();

    let issuers = [Issuer::start(), Issuer::start(), Issuer::start()];
    for issuer in &issuers {
        issuer.secret.set("canary-secret-1");
        issuer.rotate("canary-secret-1");
    }
    let standard = |issuer: &Issuer, how| {
        issuer
            .credentials_on(Dialect::standard(&format!("{}/oauth2/token", issuer.server.url()), how).unwrap())
    };
    live(&issuers[0], issuers[0].credentials()).await;
    live(&issuers[1], standard(&issuers[1], ClientAuthentication::Basic)).await;
    live(&issuers[2], standard(&issuers[2], ClientAuthentication::Post)).await;

    // An authority that sends back what it was sent, in every place there is.
    let echo =
        r#"{"error":"canary-secret-1","success":false,"code":"canary-secret-1","data":"canary-secret-1"}"#;
    fail(|| Reply::json(401, echo)).await;
    fail(|| Reply::json(400, r#"{"error":{"code":"canary-secret-1","message":"canary-secret-1"}}"#)).await;
    fail(|| Reply::json(200, echo)).await;
    fail(|| Reply::json(200, &"canary-secret-1".repeat(10_000))).await;
    fail(|| Reply::new(302, &[("location", "https://canary-secret-1.example/")], "canary-secret-1")).await;
    fail(|| Reply::new(500, &[("www-authenticate", "canary-secret-1")], "canary-secret-1")).await;
    fail(|| Reply::Bytes(b"canary-secret-1\r\n\r\n".to_vec())).await;
    fail(|| Reply::Silence).await;
    say_error(&Dialect::payment_api("https://user:canary-secret-1@a.example").unwrap_err());

    let said = said();
    // It listened: to our spans, our metrics, the libraries below, and the values.
    for heard in ["token_call", "tollgate_client_renewals_total", "hyper", "RefusedClient", "Authorization"] {
        assert!(said.contains(heard), "nothing was heard of {heard}");
    }
    let basic = STANDARD.encode("client:canary-secret-1");
    for secret in ["canary-secret", "access-", "refresh-1", &basic[..20]] {
        let found = said.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret} came out");
    }
}
