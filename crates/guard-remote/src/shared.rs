//! What a verifier shares with the tasks that read for it.

use std::sync::Arc;

use tollgate_guard::Verifier;

use crate::authority::Authority;
use crate::freshness::Keeper;
use crate::wanted::Wanted;

/// What a verifier shares with its tasks.
pub(crate) struct Shared {
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) authority: Authority,
    pub(crate) keeper: Keeper,
    pub(crate) wanted: Wanted,
}
