//! Why a request must not be forwarded.

use tollgate_guard::Denial;

use crate::error::Error;

/// Why a proxy is told not to forward a request.
#[derive(Debug)]
pub(super) enum Refused {
    /// The guard denies it.
    Denied { denial: Denial, audience: Option<String> },
    /// The proxy's description of the request, or its requirements, can't be trusted.
    Unclear(Error),
    /// No route of the table matches the request.
    NoRoute,
}
