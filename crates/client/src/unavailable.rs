//! The error that no token is available for now.

use std::sync::Arc;
use std::time::Duration;

use crate::ObtainError;

/// The error that no token is available for now.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no access token for now, the next attempt is in {} s{}", .retry_after.as_secs(), Because(.error.as_deref()))]
pub struct Unavailable {
    /// How long it takes until the authority is asked again.
    pub retry_after: Duration,
    /// Why the last attempt failed, if one has.
    #[source]
    pub error: Option<Arc<ObtainError>>,
}

struct Because<'a>(Option<&'a ObtainError>);

impl std::fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |error| write!(f, ": {error}"))
    }
}
