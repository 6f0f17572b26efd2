//! What the servers that share a store agree on.

use async_trait::async_trait;
use tollgate_core::Timestamp;

use crate::{Act, StoreError};

/// How many of the newest agreements are in force: as many changes of the agreed settings may be under way at once.
pub const AGREEMENTS_SHOWN: u32 = 16;

/// A set of settings that the servers that share a store have agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Its number: agreements are numbered from 1 on, in the order they were recorded.
    pub seq: u64,
    /// The terms, as a server wrote them: the store never looks into them.
    pub terms: String,
    /// When it was recorded.
    pub adopted_at: Timestamp,
    /// The server or person that recorded it, as text for people.
    pub adopted_by: String,
    /// When the next agreement replaced it, if one has.
    pub superseded_at: Option<Timestamp>,
}

/// An agreement that is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// The number of the newest agreement that its author knows; `None` if there is none.
    pub predecessor: Option<u64>,
    /// The terms, as in an [`Agreement`].
    pub terms: String,
    /// The author's name for people.
    pub by: String,
    /// When it is recorded.
    pub at: Timestamp,
}

/// The store's agreements.
#[async_trait]
pub trait Agreements: Send + Sync {
    /// Returns the newest agreements, at most 16, newest first.
    async fn agreements(&self) -> Result<Vec<Agreement>, StoreError>;

    /// Records an agreement. `false`, and nothing recorded, if the newest one is not the named predecessor.
    async fn adopt(&self, adoption: &Adoption, act: &Act) -> Result<bool, StoreError>;
}
