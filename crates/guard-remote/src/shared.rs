//! The state that a verifier shares with its tasks.

use std::sync::Arc;

use tollgate_guard::Verifier;

use crate::authority::Authority;
use crate::freshness::Keeper;
use crate::wanted::Wanted;

/// The state that a verifier shares with its tasks.
pub(crate) struct Shared {
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) authority: Authority,
    pub(crate) keeper: Keeper,
    pub(crate) wanted: Wanted,
}
