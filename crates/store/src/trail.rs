//! The audit trail: who did what, when, from where and why, in an order that nobody without its key can change unnoticed.
//!
//! Every change that an administrator or a server makes takes an [`Act`], which holds its records. They are written in the
//! transaction of the change: there is no change without its record, and no record of a change that was not made.

mod act;
mod object;
mod record;

use async_trait::async_trait;
use tollgate_core::{ClientId, MerchantId, Timestamp};
use tollgate_keys::Link;

use crate::StoreError;

pub use act::{Act, Draft};
pub use object::Object;
pub use record::{Outcome, Record};

/// Where the trail begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailEnds {
    /// The newest record that was purged; [`Link::START`] if none was.
    pub purged: Link,
    /// The newest record; [`Link::START`] if there never was one.
    pub newest: Link,
}

/// Selects records: those that match every field that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Records from this time on.
    pub since: Option<Timestamp>,
    /// Records before this time.
    pub until: Option<Timestamp>,
    /// Records whose actor's text starts with this.
    pub actor: Option<String>,
    /// Records whose act's name starts with this.
    pub act: Option<String>,
    /// Records about this object, in its text form.
    pub object: Option<String>,
    /// Records that concern this client.
    pub client: Option<ClientId>,
    /// Records that concern this merchant.
    pub merchant: Option<MerchantId>,
}

/// The order of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RecordOrder {
    /// The order in which they were written.
    #[default]
    OldestFirst,
    /// The reverse of the order in which they were written.
    NewestFirst,
}

/// The store's audit trail.
#[async_trait]
pub trait Trail: Send + Sync {
    /// Returns where the trail begins and ends.
    async fn trail(&self) -> Result<TrailEnds, StoreError>;

    /// Adds the records of an act that changes nothing else: something that happened, or that was refused.
    async fn record(&self, act: &Act) -> Result<(), StoreError>;

    /// Returns up to `limit` records in `order`, which come after the record with the number `after`.
    async fn records(
        &self,
        wanted: &RecordFilter,
        order: RecordOrder,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError>;

    /// Returns the number of the newest record that was streamed; 0 if none was.
    async fn streamed(&self) -> Result<u64, StoreError>;

    /// Notes that the records up to this one were streamed. A smaller number has no effect.
    async fn note_streamed(&self, through: u64) -> Result<(), StoreError>;

    /// Deletes the records up to `until`, which is remembered as the place from which the trail goes on. Returns their number;
    /// 0, and nothing changed, if there is no such record.
    async fn purge_records(&self, until: Link, act: &Act) -> Result<u64, StoreError>;
}
