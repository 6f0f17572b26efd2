//! The inspection of tokens, for what an operator with access to the store would be told.

use std::pin::Pin;

use tollgate_core::Timestamp;
use tollgate_guard::Verifier;
use tollgate_sandbox::Error;

/// The verdict on a token.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Whether it would be accepted.
    pub accepted: bool,
    /// The verdict in words.
    pub text: String,
}

/// Inspects tokens with access to the store.
pub trait Inspect: Send + Sync + 'static {
    /// Inspects a token as `verifier` would at `now`.
    fn inspect<'a>(&'a self, verifier: &'a Verifier, token: &'a str, now: Timestamp) -> Inspecting<'a>;
}

/// The future of a verdict.
pub type Inspecting<'a> = Pin<Box<dyn Future<Output = Result<Verdict, Error>> + Send + 'a>>;
