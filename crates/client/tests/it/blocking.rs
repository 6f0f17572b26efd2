//! Use without async.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use http::{Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tollgate_client::{
    Blocking, CallError, Clock, Obtaining, Origin, Reading, Settings, State, SystemClock, Token, TokenSource,
};

use crate::authority::seconds;
use crate::issuer::Issuer;

fn blocking(issuer: &Issuer) -> Blocking {
    let origins = [Origin::of("https://api.example.com").unwrap()];
    Blocking::new(issuer.credentials(), Settings::default(), origins).unwrap()
}

fn request() -> Request<&'static str> {
    Request::post("https://api.example.com/payments").body("hello").unwrap()
}

fn answer(status: StatusCode) -> Response<()> {
    let answer = Response::builder().status(status);
    answer.header("www-authenticate", "Bearer error=\"invalid_token\"").body(()).unwrap()
}

#[test]
fn many_threads_share_one_token_call() {
    let issuer = Issuer::start();
    let blocking = blocking(&issuer);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| assert_eq!(blocking.authorization().unwrap().header(), "Bearer access-s1"));
        }
    });
    assert_eq!(issuer.granted(), (1, 0));
    let refused = blocking.authorization().unwrap().generation();
    assert_eq!(blocking.refused(refused).unwrap().header(), "Bearer access-r1");
}

/// Grants a token when it is told to.
struct Told(Arc<Semaphore>);

impl TokenSource for Told {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        Box::pin(async {
            let _told = self.0.acquire().await.unwrap();
            Ok(Token::new("access", clock.now(), seconds(900)).unwrap())
        })
    }
}

/// When the caller reads it the second time, after it has found no token, it lets one come first.
struct Late {
    system: SystemClock,
    caller: ThreadId,
    readings: AtomicUsize,
    tell: Arc<Semaphore>,
    held: Mutex<Receiver<()>>,
}

impl Clock for Late {
    fn now(&self) -> Reading {
        let is_callers = thread::current().id() == self.caller;
        if is_callers && self.readings.fetch_add(1, Ordering::SeqCst) == 1 {
            self.tell.add_permits(1);
            self.held.lock().unwrap().recv().unwrap();
        }
        self.system.now()
    }
}

#[test]
fn a_token_that_comes_just_after_it_was_looked_for_is_found() {
    let tell = Arc::new(Semaphore::new(0));
    let (holding, held) = mpsc::channel();
    let clock = Late {
        system: SystemClock::new(),
        caller: thread::current().id(),
        readings: AtomicUsize::new(0),
        tell: tell.clone(),
        held: Mutex::new(held),
    };
    let settings = Settings::default().clock(Arc::new(clock)).on_change(move |change| {
        if change.state == State::Holding {
            holding.send(()).unwrap();
        }
    });
    let blocking = Blocking::new(Told(tell), settings, []).unwrap();
    assert_eq!(blocking.authorization().unwrap().header(), "Bearer access");
}

#[test]
fn a_refused_request_is_sent_once_more() {
    let issuer = Issuer::start();
    let mut sent = Vec::new();
    let outcome = blocking(&issuer).send(request(), |request| {
        sent.push(request);
        let status = if sent.len() == 1 { StatusCode::UNAUTHORIZED } else { StatusCode::CREATED };
        Ok::<_, std::io::Error>(answer(status))
    });
    assert_eq!(outcome.unwrap().status(), StatusCode::CREATED);
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|request| *request.body() == "hello"));
    assert_eq!(sent[0].headers()["authorization"], "Bearer access-s1");
    assert_eq!(sent[1].headers()["authorization"], "Bearer access-r1");
    assert_eq!(sent[0].headers()["idempotency-key"], sent[1].headers()["idempotency-key"]);
}

#[test]
fn a_request_is_sent_at_most_twice() {
    let issuer = Issuer::start();
    let sent = AtomicUsize::new(0);
    let outcome = blocking(&issuer).send(request(), |_| {
        sent.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(answer(StatusCode::UNAUTHORIZED))
    });
    assert_eq!(outcome.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(sent.into_inner(), 2);
}

#[test]
fn without_a_token_nothing_is_sent() {
    let issuer = Issuer::start();
    issuer.secret.set("wrong");
    let outcome = blocking(&issuer).send(request(), |_| -> Result<Response<()>, std::io::Error> {
        panic!("it is not sent");
    });
    let Err(CallError::Unavailable(unavailable)) = outcome else { panic!("there is no token") };
    assert!(unavailable.retry_after > seconds(10));
}

#[tokio::test]
async fn it_may_be_used_and_dropped_within_a_runtime() {
    let issuer = Issuer::start();
    let blocking = blocking(&issuer);
    assert_eq!(blocking.authorization().unwrap().header(), "Bearer access-s1");
    drop(blocking);
}
