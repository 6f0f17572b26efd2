//! The cache by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tollgate_client::{Cached, Fault, ObtainError, State};

use crate::authority::{Authority, Behaviour, TestClock, seconds, settings};

#[tokio::test(start_paused = true)]
async fn the_first_token_is_waited_for_and_then_at_hand() {
    let authority = Authority::good();
    let cached = Cached::new(authority.clone(), settings(&TestClock::new()));
    assert!(cached.authorization().is_none());
    assert_eq!(cached.state(), State::Waiting);
    let first = cached.ready().await.unwrap();
    assert_eq!(first.header(), "Bearer token-1");
    assert_eq!(cached.authorization().unwrap().generation(), first.generation());
    assert_eq!(cached.state(), State::Holding);
    assert!(cached.usable_for() > seconds(890));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_anybody_needs_it() {
    let authority = Authority::good();
    let cached = Cached::new(authority.clone(), settings(&TestClock::new()));
    cached.ready().await.unwrap();
    sleep(seconds(850)).await;
    assert_eq!(cached.authorization().unwrap().expose_token(), "token-2");
    assert_eq!(authority.calls().len(), 2);
}

#[tokio::test]
async fn outside_of_a_runtime_the_first_who_waits_starts_the_task() {
    let make = || {
        let authority = Authority::good();
        (authority.clone(), Cached::new(authority, settings(&TestClock::new())))
    };
    let (authority, cached) = std::thread::spawn(make).join().unwrap();
    assert!(authority.calls().is_empty());
    cached.ready().await.unwrap();
    assert_eq!(authority.calls().len(), 1);
}

#[test]
fn the_task_begins_anew_where_its_runtime_has_ended() {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let clock = TestClock::new();
    let authority = Authority::good();
    let first = runtime();
    let cached = first.block_on(async {
        let cached = Cached::new(authority.clone(), settings(&clock));
        cached.ready().await.unwrap();
        cached
    });
    drop(first);
    clock.step(3_600);
    assert!(cached.authorization().is_none());
    let renewed = runtime().block_on(cached.ready()).unwrap();
    assert_eq!(renewed.expose_token(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_handle() {
    let authority = Authority::good();
    let cached = Cached::new(authority.clone(), settings(&TestClock::new()));
    cached.ready().await.unwrap();
    let other = cached.clone();
    drop(cached);
    sleep(seconds(850)).await;
    assert_eq!(authority.calls().len(), 2);
    drop(other);
    sleep(seconds(86_400)).await;
    assert_eq!(authority.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_asked_again() {
    let authority = Authority::new(|at| match at {
        at if at < Duration::from_millis(1_500) => Behaviour::Panic,
        _ => Behaviour::Grant(seconds(900)),
    });
    let cached = Cached::new(authority.clone(), settings(&TestClock::new()));
    cached.ready().await.unwrap();
    assert!(authority.calls().len() > 2);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_state_is_told_once() {
    let authority = Authority::new(|at| match at.as_secs() {
        0..700 | 1_100.. => Behaviour::Grant(seconds(900)),
        _ => Behaviour::down(),
    });
    let told = Arc::new(Mutex::new(Vec::new()));
    let observed = told.clone();
    let settings = settings(&TestClock::new()).on_change(move |change| {
        observed.lock().unwrap().push((change.state, change.error.is_some()));
        assert!(change.state != State::Down, "an observer that panics does no harm");
    });
    let cached = Cached::new(authority, settings);
    sleep(seconds(1_200)).await;
    assert_eq!(
        *told.lock().unwrap(),
        [(State::Holding, false), (State::Failing, true), (State::Down, true), (State::Holding, false)]
    );
    assert!(cached.authorization().is_some());
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_vain_learns_why_and_when_it_is_tried_again() {
    let cached = Cached::new(Authority::new(|_| Behaviour::Hang), settings(&TestClock::new()));
    let began = Instant::now();
    let error = cached.ready().await.unwrap_err();
    assert!(began.elapsed() <= seconds(10), "{:?}", began.elapsed());
    assert!(matches!(*error.error.unwrap(), ObtainError::Transient { fault: Fault::Timeout, .. }));
    // It has been down for long: the next one does not wait.
    sleep(seconds(20)).await;
    let began = Instant::now();
    cached.ready().await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(cached.state(), State::Down);
}
