//! What a verifier shares with the tasks that read for it.

use std::sync::Arc;

use crate::verifier::Verifier;

use super::authority::Authority;
use super::freshness::Keeper;
use super::wanted::Wanted;

/// What a verifier shares with its tasks.
pub(super) struct Shared {
    pub(super) verifier: Arc<Verifier>,
    pub(super) authority: Authority,
    pub(super) keeper: Keeper,
    pub(super) wanted: Wanted,
}
