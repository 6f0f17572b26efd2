//! Tracks the body of a request, which the service may leave unread.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

/// The body of a connection's request, shared by the service and the edge.
#[derive(Debug)]
pub(crate) struct UnreadBody {
    state: AtomicU8,
    left: Mutex<Option<hyper::body::Incoming>>,
}

/// The body was read to its end, or there is none.
const ENDED: u8 = 0;
/// The service has the body, and has not answered.
const WITH_SERVICE: u8 = 1;
/// The service has dropped the body before its end.
const LEFT: u8 = 2;
/// The service has answered; the holder of the body may go on reading it.
const ANSWERED: u8 = 3;

impl UnreadBody {
    pub(crate) const fn new() -> Self {
        Self { state: AtomicU8::new(ENDED), left: Mutex::new(None) }
    }

    pub(crate) fn begin(&self) {
        self.state.store(WITH_SERVICE, Ordering::Release);
    }

    pub(crate) fn ended(&self) {
        self.state.store(ENDED, Ordering::Release);
    }

    /// Takes what the service drops: a body, or `None` for one that the peer must not be asked for.
    pub(crate) fn leave(&self, body: Option<hyper::body::Incoming>) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state.load(Ordering::Acquire) == WITH_SERVICE {
            *left = body;
            self.state.store(LEFT, Ordering::Release);
        }
    }

    /// Returns how much of the body is left, once the service has answered.
    pub(crate) fn rest(&self) -> Rest {
        if self.state.load(Ordering::Acquire) == ENDED {
            return Rest::Nothing;
        }
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        match self.state.swap(ANSWERED, Ordering::AcqRel) {
            ENDED => Rest::Nothing,
            LEFT => left.take().map_or(Rest::OutOfReach, Rest::Body),
            _ => Rest::OutOfReach,
        }
    }
}

/// The rest of a body after the service has answered.
#[derive(Debug)]
pub(crate) enum Rest {
    Nothing,
    /// The rest can't be read: somebody still has the body, or the peer sends it only when it is asked to.
    OutOfReach,
    Body(hyper::body::Incoming),
}
