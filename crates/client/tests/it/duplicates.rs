//! No payment twice: POSTs through refusals and resets, told apart by their bodies.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tollgate_client::{Authorizer, Cached, Origin, Replay};
use tower::{Layer, ServiceExt, service_fn};

use crate::authority::{Authority, TestClock, settings};

#[derive(Debug, thiserror::Error)]
#[error("connection reset")]
struct Reset;

/// An API that refuses, breaks and answers at random; what reached its handler is kept.
struct Api {
    rng: Mutex<StdRng>,
    handled: Mutex<HashMap<Bytes, Vec<Option<HeaderValue>>>>,
    sent: AtomicUsize,
}

impl Api {
    async fn answer(&self, request: Request<Replay<Full<Bytes>>>) -> Result<Response<()>, Reset> {
        self.sent.fetch_add(1, Ordering::SeqCst);
        let (dice, pause) = {
            let mut rng = self.rng.lock().unwrap();
            (rng.random_range(0..10), Duration::from_micros(rng.random_range(0..5_000)))
        };
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        sleep(pause).await;
        let challenged = |challenge| {
            let refusal = Response::builder().status(StatusCode::UNAUTHORIZED);
            Ok(refusal.header("www-authenticate", challenge).body(()).unwrap())
        };
        match dice {
            0 | 1 => return challenged("Bearer error=\"invalid_token\""),
            2 => return Err(Reset),
            _ => {}
        }
        let key = head.headers.get("idempotency-key").cloned();
        self.handled.lock().unwrap().entry(body).or_default().push(key);
        match dice {
            // From behind the handler, as an upstream that checks tokens late.
            3 => challenged("Bearer"),
            4 => Err(Reset),
            _ => Ok(Response::new(())),
        }
    }
}

/// Sends so many POSTs, 1,000 at a time. What was handled more than once, and how often anything was sent.
async fn flood(posts: u32, keys: bool) -> (Arc<Api>, usize) {
    let api = Arc::new(Api {
        rng: Mutex::new(StdRng::seed_from_u64(9)),
        handled: Mutex::default(),
        sent: AtomicUsize::new(0),
    });
    let cached = Cached::new(Authority::good(), settings(&TestClock::new()));
    let mut authorizer = Authorizer::new(cached, [Origin::of("https://api.example.com").unwrap()]);
    if !keys {
        authorizer = authorizer.without_idempotency_keys();
    }
    let inner = api.clone();
    let service = authorizer.layer(service_fn(move |request| {
        let api = inner.clone();
        async move { api.answer(request).await }
    }));
    let mut answered = 0;
    for batch in 0..posts / 1_000 {
        let mut requests = JoinSet::new();
        for n in 0..1_000 {
            let body = Full::from(format!("payment {batch}-{n}"));
            let request = Request::post("https://api.example.com/payments").body(body).unwrap();
            requests.spawn(service.clone().oneshot(request));
        }
        answered += requests.join_all().await.iter().filter(|answer| answer.is_ok()).count();
        // The breaker is closed again for the next batch.
        sleep(Duration::from_secs(31)).await;
    }
    (api, answered)
}

#[tokio::test(start_paused = true)]
async fn what_is_handled_twice_has_the_same_key_both_times() {
    let (api, answered) = flood(50_000, true).await;
    assert!(answered > 30_000);
    let handled = api.handled.lock().unwrap();
    let mut twice = 0;
    for (body, keys) in &*handled {
        assert!(keys.iter().all(Option::is_some), "{body:?} has a key");
        assert!(keys.iter().all(|key| *key == keys[0]), "{body:?}: {keys:?}");
        assert!(keys.len() <= 2, "{body:?}: {keys:?}");
        twice += usize::from(keys.len() > 1);
    }
    // The API did what was to be tried.
    assert!(twice > 1_000, "{twice}");
    assert!(api.sent.load(Ordering::SeqCst) > 55_000);
}

#[tokio::test(start_paused = true)]
async fn without_a_key_nothing_is_handled_twice() {
    let (api, answered) = flood(50_000, false).await;
    assert!(answered > 30_000);
    let handled = api.handled.lock().unwrap();
    assert!(handled.values().all(|keys| keys.len() == 1));
    assert!(api.sent.load(Ordering::SeqCst) > 55_000);
}
