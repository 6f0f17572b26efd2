//! The system's clock.

use std::time::SystemTime;

use tollgate_core::{Clock, Timestamp};

/// Reads the system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}
