//! What the servers that share a store agree on.

use async_trait::async_trait;
use tollgate_core::Timestamp;

use crate::{Act, StoreError};

/// The number of the newest agreements that count: so many changes of what is agreed on may be under way at once.
pub const AGREEMENTS_SHOWN: u32 = 16;

/// What the servers that share a store have agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Its number in their order, from 1 on.
    pub seq: u64,
    /// The terms, as a server wrote them: the store never looks into them.
    pub terms: String,
    /// When it was recorded.
    pub adopted_at: Timestamp,
    /// Who recorded it.
    pub adopted_by: String,
    /// When another agreement took its place, if one has.
    pub superseded_at: Option<Timestamp>,
}

/// An agreement that is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// The newest agreement that its author knows; `None` if there is none.
    pub predecessor: Option<u64>,
    /// The terms.
    pub terms: String,
    /// Its author, for people.
    pub by: String,
    /// The time.
    pub at: Timestamp,
}

/// The agreements.
#[async_trait]
pub trait Agreements: Send + Sync {
    /// Returns the newest agreements, at most 16, newest first.
    async fn agreements(&self) -> Result<Vec<Agreement>, StoreError>;

    /// Records an agreement. `false`, and nothing recorded, if the newest one is not the named predecessor.
    async fn adopt(&self, adoption: &Adoption, act: &Act) -> Result<bool, StoreError>;
}
