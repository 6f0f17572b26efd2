//! An authority that goes away and comes back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tollgate_client::{Cached, Fault, ObtainError, Rejection, Settings, State};

use crate::authority::{Authority, Behaviour, TestClock, seconds, settings};

/// The authority is away from `start` on for `length`. Nobody fails meanwhile, and all is well 10 s after it is back.
async fn survives(settings: Settings, start: Duration, length: Duration, away: Behaviour) {
    let end = start + length;
    let authority = Authority::new(move |at| match at {
        at if at >= start && at < end => away.clone(),
        _ => Behaviour::Grant(seconds(900)),
    });
    let zero = Instant::now();
    let cached = Cached::new(authority.clone(), settings);
    cached.ready().await.unwrap();
    sleep_until(zero + start).await;
    while zero.elapsed() < end + seconds(20) {
        let called = zero.elapsed();
        if let Err(error) = cached.ready().await {
            panic!("called at {called:?} while it was away from {start:?} on: {error}");
        }
        if zero.elapsed() >= end + seconds(10) {
            assert_eq!(cached.state(), State::Holding, "away from {start:?} on");
        }
        sleep(Duration::from_millis(250)).await;
    }
    // A renewal that was due meanwhile has been made up for.
    let last = *authority.calls().last().unwrap();
    assert!(zero.elapsed() < last + seconds(850), "away from {start:?} on");
}

/// Every instant of a cycle: by the second, and closer where the renewal is due.
fn instants() -> impl Iterator<Item = Duration> {
    let coarse = (1..900).step_by(3).map(seconds);
    let close = (3_000..3_600).map(|quarters| Duration::from_millis(quarters * 250));
    coarse.chain(close)
}

#[test]
fn nobody_notices_that_the_authority_is_away_for_55_seconds() {
    for (n, start) in (0..).zip(instants()) {
        for away in [Behaviour::down(), Behaviour::Hang] {
            paused(async {
                let settings = settings(&TestClock::new()).seed(n);
                survives(settings, start, seconds(55), away).await;
            });
        }
    }
}

#[test]
fn nobody_notices_295_seconds_with_the_resilient_profile() {
    for (n, start) in (0..).zip(instants()) {
        for away in [Behaviour::down(), Behaviour::Hang] {
            paused(async {
                let clock = Arc::new(TestClock::new());
                let settings = Settings::resilient().clock(clock).seed(n);
                survives(settings, start, seconds(295), away).await;
            });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_served_until_its_end_whatever_the_authority_does() {
    let refusal = Rejection { status: 401, code: None, request_id: None };
    for away in [Behaviour::down(), Behaviour::Hang, Behaviour::Panic, refused(refusal), short()] {
        let authority = Authority::new(move |at| match at {
            at if at < seconds(1) => Behaviour::Grant(seconds(900)),
            _ => away.clone(),
        });
        let zero = Instant::now();
        let cached = Cached::new(authority, settings(&TestClock::new()));
        cached.ready().await.unwrap();
        while zero.elapsed() < seconds(898) {
            assert_eq!(cached.authorization().unwrap().expose_token(), "token-1");
            sleep(Duration::from_millis(500)).await;
        }
        sleep(seconds(3)).await;
        assert!(cached.authorization().is_none());
    }
}

fn refused(refusal: Rejection) -> Behaviour {
    Behaviour::Fail(ObtainError::RefusedClient(refusal))
}

fn short() -> Behaviour {
    Behaviour::Grant(seconds(1))
}

#[tokio::test(start_paused = true)]
async fn an_authority_that_is_down_is_asked_less_than_once_in_five_seconds() {
    let authority = Authority::new(|_| Behaviour::down());
    let _cached = Cached::new(authority.clone(), settings(&TestClock::new()));
    sleep(seconds(3_660)).await;
    let later = authority.calls().iter().filter(|at| **at > seconds(60)).count();
    assert!((300..=720).contains(&later), "{later} calls in an hour");
}

#[tokio::test(start_paused = true)]
async fn the_pause_that_the_authority_asks_for_is_never_violated() {
    // It asks for pauses of all lengths; callers, refusals and a suspend press for a token meanwhile.
    let asked = Arc::new(AtomicU64::new(0));
    let early = Arc::new(Mutex::new(Vec::new()));
    let (script_asked, script_early) = (asked.clone(), early.clone());
    let until = Mutex::new(Duration::ZERO);
    let authority = Authority::new(move |at| {
        let n = script_asked.fetch_add(1, Ordering::SeqCst);
        let mut until = until.lock().unwrap();
        if at < *until {
            script_early.lock().unwrap().push((at, *until));
        }
        if n % 3 == 0 {
            return Behaviour::Grant(seconds(20));
        }
        let pause = seconds([1, 5, 30, 120][usize::try_from(n % 4).unwrap()]);
        *until = at + pause;
        let refusal = Rejection { status: 429, code: None, request_id: None };
        Behaviour::Fail(ObtainError::Transient { fault: Fault::Status(refusal), retry_after: Some(pause) })
    });
    let clock = TestClock::new();
    let cached = Cached::new(authority, settings(&clock));
    for n in 0..20_000 {
        match cached.authorization() {
            Some(held) => cached.note_refused(held.generation()),
            None => drop(tokio::time::timeout(Duration::from_millis(100), cached.ready()).await),
        }
        if n % 100 == 0 {
            clock.step(if n % 200 == 0 { 3_600 } else { -3_600 });
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert!(asked.load(Ordering::SeqCst) > 50);
    assert_eq!(*early.lock().unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_in_vain_for_the_end_of_a_pause_learns_it_at_once() {
    let refusal = Rejection { status: 503, code: None, request_id: None };
    let error = ObtainError::Transient { fault: Fault::Status(refusal), retry_after: Some(seconds(40)) };
    let cached =
        Cached::new(Authority::new(move |_| Behaviour::Fail(error.clone())), settings(&TestClock::new()));
    sleep(seconds(1)).await;
    let began = Instant::now();
    let unavailable = cached.ready().await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!((seconds(38)..=seconds(40)).contains(&unavailable.retry_after), "{:?}", unavailable.retry_after);
}

fn paused(future: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future);
}
