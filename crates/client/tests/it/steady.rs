//! A day of steady use, and a secret that is rotated in it: client credentials over real HTTP, in paused time.

use std::sync::mpsc;

use tokio::time::{Instant, sleep};
use tollgate_client::{Cached, ClientCredentials, Clock, Obtaining, TokenSource};

use crate::authority::{TestClock, seconds, settings};
use crate::issuer::Issuer;

/// Stops the paused clock while a call is under way, which takes real time.
struct Stopping(ClientCredentials);

impl TokenSource for Stopping {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        Box::pin(async move {
            // Tokio does not advance a paused clock while something runs on a thread for blocking work.
            let (under_way, over) = mpsc::channel::<()>();
            let stopped = tokio::task::spawn_blocking(move || over.recv());
            let outcome = self.0.obtain(clock).await;
            drop(under_way);
            stopped.await.unwrap().unwrap_err();
            outcome
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_takes_at_most_108_token_calls_of_which_2_by_the_secret() {
    let issuer = Issuer::start();
    let cached = Cached::new(Stopping(issuer.credentials()), settings(&TestClock::new()));
    cached.ready().await.unwrap();
    let began = Instant::now();
    while began.elapsed() < seconds(24 * 3_600) {
        assert!(cached.authorization().is_some(), "at {:?}", began.elapsed());
        sleep(seconds(1)).await;
    }
    let (by_secret, by_refresh) = issuer.granted();
    assert_eq!(issuer.server.seen().len(), by_secret + by_refresh);
    assert!(by_secret + by_refresh <= 108, "{by_secret} by the secret, {by_refresh} by the refresh token");
    assert!(by_secret + by_refresh >= 96);
    assert_eq!(by_secret, 2);
}

#[tokio::test(start_paused = true)]
async fn a_rotated_secret_costs_no_call() {
    let issuer = Issuer::start();
    let cached = Cached::new(Stopping(issuer.credentials()), settings(&TestClock::new()));
    cached.ready().await.unwrap();
    for n in 2..10 {
        let secret = format!("secret-{n}");
        issuer.secret.set(&secret);
        issuer.rotate(&secret);
        for _ in 0..1_700 {
            cached.ready().await.unwrap();
            sleep(seconds(1)).await;
        }
        assert!(issuer.granted().0 == n, "the new secret is in use");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_ends_with_its_tokens_costs_one_wait() {
    let issuer = Issuer::start();
    let cached = Cached::new(Stopping(issuer.credentials()), settings(&TestClock::new()));
    let refused = cached.ready().await.unwrap().generation();
    issuer.secret.set("secret-2");
    issuer.rotate("secret-2");
    // The API refuses the token; the refresh token and the old secret are refused on the way to the new one.
    let newer = cached.refused(refused).await.unwrap();
    assert_eq!(newer.expose_token(), "access-s2");
    assert_eq!(issuer.server.seen().len(), 4);
}
