//! What an operator is told of a token, by whoever can look into the store.

use std::pin::Pin;

use tollgate_core::Timestamp;
use tollgate_guard::Verifier;
use tollgate_sandbox::Error;

/// What would become of a token.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Whether it would be accepted.
    pub accepted: bool,
    /// The verdict in words.
    pub text: String,
}

/// Says what would become of tokens.
pub trait Inspect: Send + Sync + 'static {
    /// Inspects a token as `verifier` would at `now`.
    fn inspect<'a>(&'a self, verifier: &'a Verifier, token: &'a str, now: Timestamp) -> Inspecting<'a>;
}

/// A verdict that is awaited.
pub type Inspecting<'a> = Pin<Box<dyn Future<Output = Result<Verdict, Error>> + Send + 'a>>;
