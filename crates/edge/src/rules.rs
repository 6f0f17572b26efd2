//! Which requests the edge hands on, and how it marks its own answers.

use http::HeaderMap;

/// Which requests the edge hands on to the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Requests {
    /// Those that have one reading: exactly one well-formed `Host`, and a target that is a path. An
    /// absolute target (RFC 9112 §3.2.2) whose host is that of `Host` is handed on as its path.
    #[default]
    Unambiguous,
    /// All that are framed in one way, for a service that has rules of its own about hosts and targets.
    Any,
}

/// What the owner of an edge has chosen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) requests: Requests,
    /// Whether a request ends when its caller ends the connection.
    pub(crate) ends_with_caller: bool,
    /// Headers that every answer of the edge's own has.
    pub(crate) marks: HeaderMap,
}
