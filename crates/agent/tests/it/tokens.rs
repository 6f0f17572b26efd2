//! A source of tokens, and a clock for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tollgate_client::{Clock, Fault, Obtaining, Reading, SystemClock, Token, TokenSource};

/// Grants `access-1`, `access-2` and so on, unless it is down.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Arc<(AtomicUsize, AtomicBool)>);

impl Tokens {
    pub(crate) fn down() -> Self {
        let tokens = Self::default();
        tokens.set_down(true);
        tokens
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.0.1.store(down, Ordering::SeqCst);
    }
}

impl TokenSource for Tokens {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        Box::pin(async move {
            if self.0.1.load(Ordering::SeqCst) {
                return Err(Fault::Unreachable("connection refused".to_owned()).into());
            }
            let n = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(Token::new(&format!("access-{n}"), clock.now(), Duration::from_secs(900)).unwrap())
        })
    }
}

/// The system's clock, with time that can be skipped.
#[derive(Clone)]
pub(crate) struct Skipping(SystemClock, Arc<AtomicUsize>);

impl Skipping {
    pub(crate) fn new() -> Self {
        Self(SystemClock::new(), Arc::default())
    }

    pub(crate) fn skip(&self, seconds: usize) {
        self.1.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Skipping {
    fn now(&self) -> Reading {
        self.0.now().after(Duration::from_secs(self.1.load(Ordering::SeqCst) as u64))
    }
}
