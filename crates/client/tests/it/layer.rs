//! The layer for tower, around an API in the process.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tollgate_client::{Authorizer, Cached, CallError, Origin, Replay};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::authority::{Authority, Behaviour, TestClock, seconds, settings};

const GUARD: &str = "Bearer error=\"invalid_token\"";

/// What arrived at the API: headers and body.
type Arrived = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// An API that challenges tokens before `token-{from}` like this.
#[derive(Clone)]
struct Api {
    challenge: &'static str,
    from: Arc<Mutex<usize>>,
    arrived: Arrived,
}

impl Api {
    fn new(challenge: &'static str) -> Self {
        Self { challenge, from: Arc::new(Mutex::new(1)), arrived: Arc::default() }
    }

    fn revoke_before(&self, from: usize) {
        *self.from.lock().unwrap() = from;
    }

    fn arrived(&self) -> Vec<(HeaderMap, Bytes)> {
        self.arrived.lock().unwrap().clone()
    }

    /// The API behind an authorizer.
    fn behind<B>(
        &self,
        authorizer: &Authorizer,
    ) -> impl Service<
        Request<B>,
        Response = Response<&'static str>,
        Error = CallError<Infallible>,
        Future: Send,
    > + Clone
    + use<B>
    where
        B: Body<Error = Infallible, Data: Send> + Send + 'static,
    {
        let api = self.clone();
        authorizer.layer(service_fn(move |request| api.clone().answer(request)))
    }

    async fn answer<B>(self, request: Request<Replay<B>>) -> Result<Response<&'static str>, Infallible>
    where
        B: Body<Error = Infallible>,
    {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        sleep(Duration::from_millis(5)).await;
        let token = head.headers.get("authorization").map(|line| line.to_str().unwrap().to_owned());
        let number = token.and_then(|line| line.strip_prefix("Bearer token-")?.parse::<usize>().ok());
        self.arrived.lock().unwrap().push((head.headers, body));
        if number.is_some_and(|number| number >= *self.from.lock().unwrap()) {
            return Ok(Response::new("done"));
        }
        let mut refusal = Response::new("refused");
        *refusal.status_mut() = http::StatusCode::UNAUTHORIZED;
        if !self.challenge.is_empty() {
            refusal.headers_mut().insert("www-authenticate", self.challenge.parse().unwrap());
        }
        Ok(refusal)
    }
}

fn authorizer(authority: &Authority) -> Authorizer {
    let cached = Cached::new(authority.clone(), settings(&TestClock::new()));
    Authorizer::new(cached, [Origin::of("https://api.example.com").unwrap()])
}

fn request(method: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri("https://api.example.com/x").body(body.into()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_request_gets_the_token_and_a_post_gets_a_key() {
    let api = Api::new(GUARD);
    let service = api.behind(&authorizer(&Authority::good()));
    service.clone().oneshot(request("POST", "a")).await.unwrap();
    service.clone().oneshot(request("GET", "")).await.unwrap();
    let mut own = request("POST", "b");
    own.headers_mut().insert("idempotency-key", "mine".parse().unwrap());
    service.oneshot(own).await.unwrap();
    let arrived = api.arrived();
    assert!(arrived.iter().all(|(headers, _)| headers["authorization"] == "Bearer token-1"));
    assert!(arrived.iter().all(|(headers, _)| headers["authorization"].is_sensitive()));
    let key: uuid::Uuid = arrived[0].0["idempotency-key"].to_str().unwrap().parse().unwrap();
    assert_eq!(key.get_version_num(), 7);
    assert!(!arrived[1].0.contains_key("idempotency-key"));
    assert_eq!(arrived[2].0["idempotency-key"], "mine");
}

#[tokio::test(start_paused = true)]
async fn other_origins_and_requests_with_their_own_authorization_are_left_alone() {
    let api = Api::new(GUARD);
    let authority = Authority::good();
    let service = api.behind(&authorizer(&authority));
    for uri in
        ["https://api.example.com.evil.example/", "http://api.example.com/", "https://other.example/", "/x"]
    {
        let request = Request::post(uri).body(Full::<Bytes>::from("a")).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 401);
    }
    let mut own = request("POST", "b");
    own.headers_mut().insert("authorization", "Basic abc".parse().unwrap());
    assert_eq!(service.oneshot(own).await.unwrap().status(), 401);
    let arrived = api.arrived();
    assert_eq!(arrived.len(), 5);
    assert!(arrived[..4].iter().all(|(headers, _)| headers.is_empty()), "{arrived:?}");
    assert_eq!(arrived[4].0["authorization"], "Basic abc");
    assert_eq!(authority.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_sent_once_more_with_the_same_key_and_body() {
    let api = Api::new(GUARD);
    let service = api.behind(&authorizer(&Authority::good()));
    api.revoke_before(2);
    let answer = service.oneshot(request("POST", "hello")).await.unwrap();
    assert_eq!(answer.status(), 200);
    let arrived = api.arrived();
    assert_eq!(arrived.len(), 2);
    assert!(arrived.iter().all(|(_, body)| body == "hello"));
    assert_eq!(arrived[0].0["idempotency-key"], arrived[1].0["idempotency-key"]);
    assert_eq!(arrived[0].0["authorization"], "Bearer token-1");
    assert_eq!(arrived[1].0["authorization"], "Bearer token-2");
    assert!(arrived[1].0["authorization"].is_sensitive());
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_refused_requests_share_one_token_call() {
    let api = Api::new(GUARD);
    let authority = Authority::good();
    let service = api.behind(&authorizer(&authority));
    service.clone().oneshot(request("GET", "")).await.unwrap();
    api.revoke_before(2);
    let mut requests = JoinSet::new();
    for _ in 0..10_000 {
        let service = service.clone();
        requests.spawn(async move { service.oneshot(request("POST", "a")).await.unwrap().status() });
    }
    assert!(requests.join_all().await.iter().all(|status| *status == 200));
    assert_eq!(authority.calls().len(), 2);
    assert!(api.arrived().len() <= 1 + 20_000);
}

#[tokio::test(start_paused = true)]
async fn a_second_refusal_is_the_callers_and_the_token_calls_become_rare() {
    let api = Api::new(GUARD);
    let authority = Authority::good();
    let service = api.behind(&authorizer(&authority));
    api.revoke_before(usize::MAX);
    let began = Instant::now();
    for sent in 1..1_000 {
        let answer = service.clone().oneshot(request("POST", "a")).await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(api.arrived().len() <= 2 * sent);
        sleep(Duration::from_millis(300)).await;
    }
    // 0.4 s apart at first and 30 s apart in the end, each less a quarter by chance.
    let allowed = 8 + began.elapsed().as_millis() / 22_500;
    assert!(authority.calls().len() as u128 <= allowed, "{:?}", authority.calls());
    let calls = authority.calls().len();
    while authority.calls().len() == calls {
        service.clone().oneshot(request("POST", "a")).await.unwrap();
        sleep(Duration::from_millis(300)).await;
    }
    // In the pause nobody waits for what will not come.
    let began = Instant::now();
    service.oneshot(request("POST", "a")).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn what_the_api_accepts_is_heard_of_so_that_a_steady_rate_of_refusals_is_mended_each_time() {
    let api = Api::new(GUARD);
    let authority = Authority::good();
    let service = api.behind(&authorizer(&authority));
    for round in 1..100 {
        for _ in 0..10 {
            let answer = service.clone().oneshot(request("POST", "a")).await.unwrap();
            assert_eq!(answer.status(), 200, "in round {round}");
            sleep(Duration::from_millis(200)).await;
        }
        // The token at hand is 2 s old, and now it is refused.
        api.revoke_before(authority.calls().len() + 1);
    }
    assert_eq!(authority.calls().len(), 99);
}

#[tokio::test(start_paused = true)]
async fn without_a_key_only_the_guards_own_refusal_lets_a_post_be_sent_again() {
    for (challenge, method, sent) in [
        ("Bearer", "POST", 1),
        ("Bearer", "GET", 2),
        ("Bearer", "PUT", 2),
        (GUARD, "POST", 2),
        ("", "GET", 1),
    ] {
        let api = Api::new(challenge);
        let authority = Authority::good();
        let service = api.behind(&authorizer(&authority).without_idempotency_keys());
        api.revoke_before(2);
        service.clone().oneshot(request(method, "a")).await.unwrap();
        assert_eq!(api.arrived().len(), sent, "{method} challenged by {challenge:?}");
        // The next one has another token all the same, if the challenge was about it.
        sleep(seconds(1)).await;
        assert_eq!(authority.calls().len(), if challenge.is_empty() { 1 } else { 2 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_sent_again_up_to_64_kib_and_passed_on_beyond() {
    for (frames, sent) in [(1, 2), (7, 2), (9, 1)] {
        let api = Api::new(GUARD);
        let service = api.behind(&authorizer(&Authority::good()));
        api.revoke_before(2);
        let request = Request::post("https://api.example.com/x").body(Frames(frames)).unwrap();
        let answer = service.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), if sent == 2 { 200 } else { 401 });
        let arrived = api.arrived();
        assert_eq!(arrived.len(), sent);
        assert!(arrived.iter().all(|(_, body)| body.len() == frames * 8 * 1024));
    }
}

/// A stream of so many frames of 8 KiB.
struct Frames(usize);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = (self.0 > 0).then(|| Ok(Frame::data(Bytes::from(vec![b'x'; 8 * 1024]))));
        self.0 = self.0.saturating_sub(1);
        Poll::Ready(frame)
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_token_the_request_is_not_sent() {
    let api = Api::new(GUARD);
    let service = api.behind(&authorizer(&Authority::new(|_| Behaviour::down())));
    let error = service.oneshot(request("POST", "a")).await.unwrap_err();
    assert!(matches!(error, CallError::Unavailable(_)), "{error}");
    assert!(api.arrived().is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_no_newer_token_comes_the_refusal_is_the_callers_after_three_seconds() {
    let api = Api::new(GUARD);
    let authority = Authority::new(|at| match at {
        at if at < seconds(1) => Behaviour::Grant(seconds(900)),
        _ => Behaviour::Hang,
    });
    let service = api.behind(&authorizer(&authority));
    sleep(seconds(1)).await;
    api.revoke_before(2);
    let began = Instant::now();
    assert_eq!(service.oneshot(request("GET", "")).await.unwrap().status(), 401);
    assert!((seconds(3)..seconds(4)).contains(&began.elapsed()), "{:?}", began.elapsed());
}
