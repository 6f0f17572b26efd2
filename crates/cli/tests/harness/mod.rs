//! Starts the binary and talks to it.

mod api;
mod fake;
mod http;
mod process;
mod server;

use std::time::Duration;

pub(crate) use api::{Api, CREATE, JSON, payment};
pub(crate) use fake::{Arrived, Fake, answer};
pub(crate) use http::{Connection, Response};
pub(crate) use process::{Finished, Process, fails, faketime_library, finish, is_misused, shell, tollgate};
pub(crate) use server::{Dev, Serve, write_master_key};

/// How long anything is waited for; only a bug makes it pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Within this time a running server counts what the command line changed (contract, section 4).
pub(crate) const SEEN_WITHIN: Duration = Duration::from_secs(1);

/// Asks until there is an answer; panics with `what` when `patience` has passed without one.
pub(crate) fn eventually<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    const PAUSE: Duration = Duration::from_millis(10);
    let deadline = now() + patience;
    loop {
        // The time is read first, so that the last question is asked after the deadline.
        let last = now() >= deadline;
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(!last, "{what}: not within {patience:?}");
        std::thread::sleep(PAUSE);
    }
}

/// The time of the machine.
#[expect(clippy::disallowed_methods, reason = "the processes under test run on the machine's clock")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}
