//! Many callers, one token call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tollgate_client::Cached;

use crate::authority::{Authority, Behaviour, TestClock, seconds, settings};

#[tokio::test(start_paused = true)]
async fn ten_thousand_callers_of_a_cold_cache_make_one_token_call() {
    let authority = Authority::good();
    let cached = Cached::new(authority.clone(), settings(&TestClock::new()));
    let mut callers = JoinSet::new();
    for _ in 0..10_000 {
        let cached = cached.clone();
        callers.spawn(async move { cached.ready().await.unwrap().expose_token().to_owned() });
    }
    assert!(callers.join_all().await.iter().all(|token| token == "token-1"));
    assert_eq!(authority.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_refusals_with_stragglers_make_one_token_call() {
    let authority = Authority::good();
    let cached = Cached::new(authority.clone(), settings(&TestClock::new()));
    let refused = cached.ready().await.unwrap().generation();
    sleep(seconds(60)).await;
    let mut callers = JoinSet::new();
    for n in 0..10_000 {
        let cached = cached.clone();
        callers.spawn(async move {
            // Every tenth hears of it only later: while the call is under way, or when it is over.
            sleep(Duration::from_millis(if n % 10 == 0 { n / 10 } else { 0 })).await;
            let began = Instant::now();
            let newer = cached.refused(refused).await.unwrap();
            assert!(newer.generation() > refused);
            assert!(began.elapsed() < seconds(1));
            newer.expose_token().to_owned()
        });
    }
    assert!(callers.join_all().await.iter().all(|token| token == "token-2"));
    assert_eq!(authority.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_random_cancellations_leave_nobody_stuck() {
    let mut rng = StdRng::seed_from_u64(4);
    // It fails every third time, until the storm is over.
    let calm = Arc::new(AtomicBool::new(false));
    let scripted = calm.clone();
    let authority = Authority::new(move |at| match at.as_millis() % 3 {
        0 if !scripted.load(Ordering::SeqCst) => Behaviour::down(),
        _ => Behaviour::Grant(seconds(900)),
    });
    let clock = TestClock::new();
    let cached = Cached::new(authority.clone(), settings(&clock));
    let (mut cancelled, mut served) = (0, 0);
    for round in 0..200 {
        let mut callers = JoinSet::new();
        for n in 0..1_000 {
            let cached = cached.clone();
            let patience = Duration::from_micros(rng.random_range(0..40_000));
            let stays = n % 50 == 0;
            callers.spawn(async move {
                let asking = async {
                    match (round % 2, cached.authorization()) {
                        (1, Some(held)) => cached.refused(held.generation()).await.is_some(),
                        _ => cached.ready().await.is_ok(),
                    }
                };
                let patience = if stays { seconds(11) } else { patience };
                let outcome = timeout(patience, asking).await;
                assert!(outcome.is_ok() || !stays, "who waits is answered within the limit");
                outcome.is_err()
            });
        }
        let outcomes = callers.join_all().await;
        cancelled += outcomes.iter().filter(|cancelled| **cancelled).count();
        served += outcomes.iter().filter(|cancelled| !**cancelled).count();
        clock.step(3_600);
        sleep(Duration::from_micros(rng.random_range(0..30_000))).await;
    }
    assert!(cancelled >= 100_000, "{cancelled} cancelled, {served} served");
    calm.store(true, Ordering::SeqCst);
    sleep(seconds(10)).await;
    cached.ready().await.unwrap();
}
