//! The requests that the edge passes on, and the marks of its own answers.

use http::HeaderMap;

/// The requests that the edge passes on to the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Requests {
    /// Requests with only one reading: exactly one well-formed `Host`, and a target that is a path. An
    /// absolute target (RFC 9112 §3.2.2) whose host equals `Host` is passed on as its path.
    #[default]
    Unambiguous,
    /// All requests with unambiguous framing, for a service with its own rules for hosts and targets.
    Any,
}

/// The rules that the owner of an edge has chosen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) requests: Requests,
    /// Whether a request ends when its caller ends the connection.
    pub(crate) ends_with_caller: bool,
    /// The headers that each of the edge's own answers has.
    pub(crate) marks: HeaderMap,
}
