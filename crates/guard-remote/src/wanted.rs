//! Requests for reading the keys again, because a token names an unknown one.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};
use tollgate_guard::{Denial, Principal};

/// How often an unknown key may cause the keys to be read. Made-up ids of keys can't cause more.
const UNKNOWN_KEY: Duration = Duration::from_secs(30);

/// A decision that waits for the authority.
pub(crate) type Later = Pin<Box<dyn Future<Output = Result<Principal, Denial>> + Send>>;

/// Lets requests ask for the keys to be read, and wait for it.
pub(crate) struct Wanted {
    asked: Mutex<Asked>,
    /// The number of the last request that has been served.
    served: watch::Receiver<u64>,
    wake: Notify,
}

#[derive(Default)]
struct Asked {
    number: u64,
    at: Option<Instant>,
}

impl Wanted {
    /// Makes the requests, and the sender by which the reader of the keys reports which request it has served.
    pub(crate) fn new() -> (Self, watch::Sender<u64>) {
        let (serving, served) = watch::channel(0);
        (Self { asked: Mutex::default(), served, wake: Notify::new() }, serving)
    }

    /// Asks for the keys, and returns the number of the request; `None` if they were read for that reason a short time ago.
    pub(crate) fn ask(&self) -> Option<u64> {
        let mut asked = self.asked();
        if asked.number > *self.served.borrow() {
            return Some(asked.number);
        }
        let now = Instant::now();
        if asked.at.is_some_and(|at| now.duration_since(at) < UNKNOWN_KEY) {
            return None;
        }
        *asked = Asked { number: asked.number + 1, at: Some(now) };
        self.wake.notify_one();
        Some(asked.number)
    }

    /// Waits until a request has been served. None will be once the reader of the keys has ended: the verifier was dropped.
    pub(crate) async fn served(&self, number: u64) -> Result<(), Denial> {
        let mut served = self.served.clone();
        served.wait_for(|served| *served >= number).await.map(drop).map_err(|_| Denial::Stale)
    }

    /// Returns the number of the last request so far. Reading the keys from now on serves it.
    pub(crate) fn last(&self) -> u64 {
        self.asked().number
    }

    /// Waits for the next request, at most for `pause`.
    pub(crate) async fn next(&self, pause: Duration) {
        // In either case the keys are read now.
        let _ = timeout(pause, self.wake.notified()).await;
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().expect("nothing panics with the number locked")
    }
}
