//! Why a request is not to be forwarded.

use tollgate_guard::Denial;

use crate::error::Error;

/// Why a proxy is told not to forward.
#[derive(Debug)]
pub(super) enum Refused {
    /// The guard denies it.
    Denied { denial: Denial, audience: Option<String> },
    /// What the proxy says of the request, or requires, can't be relied on.
    Unclear(Error),
    /// No route of the table is the one that is asked for.
    NoRoute,
}
