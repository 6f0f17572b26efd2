//! The requests that were refused most recently, so that an operator who is given a request's id can find out why. The log has all of
//! them.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tollgate_core::Timestamp;
use tollgate_log::Request;

use crate::caller::Caller;

/// How many requests are kept.
pub const KEPT: usize = 4_096;
/// How many bytes of a reason are kept.
const LONGEST_REASON: usize = 256;

/// The requests that were refused most recently, in memory of a limited size.
#[derive(Default)]
pub struct RefusedRequests(Mutex<Ring>);

/// A ring buffer of requests.
#[derive(Default)]
struct Ring {
    kept: Vec<RefusedRequest>,
    /// The index of the oldest request, once the buffer is full.
    oldest: usize,
}

/// A request that was refused.
#[derive(Clone)]
pub struct RefusedRequest {
    id: String,
    /// When the request was answered.
    pub at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// The route, as logs and metrics name it.
    pub route: &'static str,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The sender, as far as it is known.
    pub caller: Caller,
    /// The sender's address, if that is logged.
    pub source: Option<IpAddr>,
    /// The reason, as the log has it.
    pub reason: String,
}

impl RefusedRequests {
    /// Keeps a request that was refused, in place of the oldest one.
    pub(crate) fn note(&self, request: &Request<'_>, caller: &Caller, reason: &str) {
        let mut ring = self.ring();
        let Ring { kept, oldest } = &mut *ring;
        let reason = beginning(reason);
        if kept.len() < KEPT {
            return kept.push(RefusedRequest::new(request, caller, reason));
        }
        // Written in place, so that a storm of refusals allocates nothing and moves nothing.
        kept[*oldest].replace(request, caller, reason);
        *oldest = (*oldest + 1) % KEPT;
    }

    /// Returns the requests with this id, the latest first. A caller that chooses its ids can give the same one to several.
    pub fn with_id(&self, id: &str) -> Vec<RefusedRequest> {
        let Ring { kept, oldest } = &*self.ring();
        let (latest, earlier) = kept.split_at(*oldest);
        let all = earlier.iter().chain(latest).rev();
        all.filter(|request| request.id == id).cloned().collect()
    }

    /// Locks the buffer. Nothing panics while it holds the lock, so a poisoned lock is safe to use.
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RefusedRequest {
    fn new(request: &Request<'_>, caller: &Caller, reason: &str) -> Self {
        Self {
            id: request.id.to_owned(),
            at: request.at,
            method: request.method.to_owned(),
            route: request.route,
            status: request.status,
            caller: *caller,
            source: request.source,
            reason: reason.to_owned(),
        }
    }

    /// Replaces the request by another one, in the same memory.
    fn replace(&mut self, request: &Request<'_>, by: &Caller, reason: &str) {
        let Self { id, at, method, route, status, caller, source, reason: text } = self;
        set(id, request.id);
        set(method, request.method);
        set(text, reason);
        (*at, *route, *status) = (request.at, request.route, request.status);
        (*caller, *source) = (*by, request.source);
    }
}

/// Returns the part of a reason that is kept.
fn beginning(reason: &str) -> &str {
    let longest = reason.len().min(LONGEST_REASON);
    let end = (0..=longest).rev().find(|end| reason.is_char_boundary(*end));
    &reason[..end.unwrap_or(0)]
}

fn set(text: &mut String, value: &str) {
    text.clear();
    text.push_str(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(kept: &RefusedRequests, id: &str, reason: &str) {
        let request = Request {
            trace_id: None,
            at: Timestamp::from_seconds(1_764_000_000),
            id,
            method: "GET",
            route: "/api/v1/payment-requests",
            status: 401,
            micros: 50,
            sender: Caller::default().logged(),
            source: None,
            reason: Some(reason),
        };
        kept.note(&request, &Caller::default(), reason);
    }

    #[test]
    fn the_latest_are_kept_and_however_long_a_reason_is_a_part_of_it() {
        let kept = RefusedRequests::default();
        for number in 0..KEPT + 10 {
            note(&kept, &format!("r-{number}"), "it has expired");
        }
        note(&kept, "r-100", &"é".repeat(10_000));
        assert_eq!(kept.with_id("r-10").len(), 0, "the oldest ones are gone");
        assert_eq!(kept.with_id("r-11").len(), 1);
        let [again, first] = &kept.with_id("r-100")[..] else { panic!("two have this id") };
        assert_eq!((again.reason.len(), first.reason.as_str()), (LONGEST_REASON, "it has expired"));
        assert_eq!(kept.ring().kept.len(), KEPT);
    }
}
