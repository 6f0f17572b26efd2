//! Servers of one store that differ for a moment about which keys are good, behind a balancer.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tollgate_client::{Authorizer, Cached, Clock, Obtaining, Origin, Replay, Token, TokenSource};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::authority::{TestClock, seconds, settings};

const GUARD: &str = "Bearer error=\"invalid_token\"";

/// Two servers, asked in turns. Each signs with its key and refuses older ones; they learn of another at different times.
struct Balanced {
    started: Instant,
    /// When a key was ended. The second server learns of it 250 ms after the first.
    ended: Vec<Duration>,
    turn: AtomicUsize,
    token_calls: Mutex<Vec<Duration>>,
}

impl Balanced {
    /// The key of the server whose turn it is.
    fn key(&self) -> usize {
        let lag = [Duration::ZERO, Duration::from_millis(250)][self.turn.fetch_add(1, Ordering::SeqCst) % 2];
        let now = self.started.elapsed();
        self.ended.iter().filter(|ended| **ended + lag <= now).count()
    }
}

struct Source(Arc<Balanced>);

impl TokenSource for Source {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        Box::pin(async {
            let sent = clock.now();
            self.0.token_calls.lock().unwrap().push(self.0.started.elapsed());
            sleep(Duration::from_millis(3)).await;
            Ok(Token::new(&self.0.key().to_string(), sent, seconds(900)).unwrap())
        })
    }
}

/// Calls at this rate for a minute, in which the key is ended three times. When callers were answered 401, and when tokens
/// were asked for.
async fn minute(calls_per_second: u32) -> (Vec<Duration>, Vec<Duration>) {
    let servers = Arc::new(Balanced {
        started: Instant::now(),
        ended: [10, 25, 40].map(seconds).into(),
        turn: AtomicUsize::new(0),
        token_calls: Mutex::default(),
    });
    let cached = Cached::new(Source(servers.clone()), settings(&TestClock::new()));
    let api = servers.clone();
    let service = Authorizer::new(cached, [Origin::of("https://api.example.com").unwrap()]).layer(
        service_fn(move |request: Request<Replay<Full<Bytes>>>| {
            let api = api.clone();
            async move {
                sleep(Duration::from_millis(1)).await;
                let token =
                    request.headers()["authorization"].to_str().unwrap()["Bearer ".len()..].to_owned();
                let is_good = token.parse::<usize>().unwrap() >= api.key();
                let response = Response::builder().status(if is_good { 200 } else { 401 });
                Ok::<_, Infallible>(response.header("www-authenticate", GUARD).body(Bytes::new()).unwrap())
            }
        }),
    );
    let mut calls = JoinSet::new();
    for n in 0..60 * calls_per_second {
        let (service, started) = (service.clone(), servers.started);
        calls.spawn(async move {
            sleep(seconds(60) * n / (60 * calls_per_second)).await;
            let request = Request::post("https://api.example.com/").body(Full::from("payment")).unwrap();
            let status = service.oneshot(request).await.unwrap().status();
            (status != 200).then(|| started.elapsed())
        });
    }
    let mut refused: Vec<Duration> = calls.join_all().await.into_iter().flatten().collect();
    refused.sort_unstable();
    let token_calls = servers.token_calls.lock().unwrap().clone();
    (refused, token_calls)
}

#[tokio::test(start_paused = true)]
async fn a_compromised_key_that_is_ended_on_two_servers_is_over_for_busy_callers_within_a_second() {
    for calls_per_second in [10, 40, 200, 1_000] {
        let (refused, token_calls) = minute(calls_per_second).await;
        for at in &refused {
            let since = [10, 25, 40].map(|ended| at.checked_sub(seconds(ended)));
            assert!(
                since.iter().flatten().any(|since| *since < seconds(1)),
                "401 at {at:?}, {calls_per_second} calls a second: {token_calls:?}"
            );
        }
        // One at the start, and for each key one that may come from the server that lags, and the next.
        assert!(token_calls.len() <= 1 + 3 * 3, "{token_calls:?}");
        let most = usize::try_from(calls_per_second).unwrap() * 3 / 4;
        assert!(refused.len() <= most.max(6), "{} of {} calls", refused.len(), 60 * calls_per_second);
    }
}
