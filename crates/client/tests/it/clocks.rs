//! A machine that sleeps, and clocks that are set.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::sleep;
use tollgate_client::{Cached, Clock, Obtaining, Reading, Token, TokenSource};

use crate::authority::{TestClock, seconds, settings};

/// Grants tokens that say when they end.
struct Dated(Arc<Mutex<Vec<Reading>>>);

impl TokenSource for Dated {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        Box::pin(async move {
            let sent = clock.now();
            let n = {
                let mut ends = self.0.lock().unwrap();
                ends.push(sent.after(seconds(900)));
                ends.len() - 1
            };
            sleep(Duration::from_millis(20)).await;
            Ok(Token::new(&n.to_string(), sent, seconds(900)).unwrap())
        })
    }
}

struct Watched {
    clock: TestClock,
    ends: Arc<Mutex<Vec<Reading>>>,
    cached: Cached,
}

impl Watched {
    fn new() -> Self {
        let (clock, ends) = (TestClock::new(), Arc::<Mutex<Vec<Reading>>>::default());
        let cached = Cached::new(Dated(ends.clone()), settings(&clock));
        Self { clock, ends, cached }
    }

    /// Uses a token as a caller would. By neither clock is it over.
    async fn call(&self) {
        if let Some(held) = self.cached.authorization() {
            self.check(held.expose_token());
        }
        self.check(self.cached.ready().await.unwrap().expose_token());
    }

    fn check(&self, token: &str) {
        let end = self.ends.lock().unwrap()[token.parse::<usize>().unwrap()];
        assert!(self.clock.now().is_before(end), "token {token} is over");
    }

    fn calls(&self) -> usize {
        self.ends.lock().unwrap().len()
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_hour_of_sleep_the_old_token_is_not_sent() {
    let watched = Watched::new();
    watched.call().await;
    watched.clock.step(3_600);
    assert!(watched.cached.authorization().is_none());
    watched.call().await;
    assert_eq!(watched.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sleep_is_noticed_within_15_seconds_though_nobody_calls() {
    let watched = Watched::new();
    watched.call().await;
    sleep(seconds(1)).await;
    watched.clock.step(3_600);
    sleep(seconds(15)).await;
    assert!(watched.cached.authorization().is_some());
    assert_eq!(watched.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_back_changes_nothing() {
    let watched = Watched::new();
    watched.call().await;
    watched.clock.step(-3_600);
    for _ in 0..900 {
        watched.call().await;
        sleep(seconds(1)).await;
    }
    assert_eq!(watched.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_forward_costs_one_call() {
    let watched = Watched::new();
    watched.call().await;
    watched.clock.step(3_600);
    for _ in 0..700 {
        watched.call().await;
        sleep(seconds(1)).await;
    }
    assert_eq!(watched.calls(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_token_that_either_clock_says_is_over_is_sent(
        steps in prop::collection::vec((0_u64..1_000, -3_600_i64..3_600), 1..40)
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let watched = Watched::new();
            for (pause, step) in steps {
                watched.call().await;
                sleep(seconds(pause)).await;
                watched.call().await;
                watched.clock.step(step);
                watched.call().await;
            }
        });
    }
}
