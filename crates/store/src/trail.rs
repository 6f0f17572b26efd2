//! The audit trail: who did what, when, from where and why, in an order that nobody without its key can change unnoticed.
//!
//! Whatever an administrator or a server changes takes an [`Act`], which holds the records that say so. They are written in the
//! transaction of the change: there is no change without its record, and no record of a change that was not made.

mod act;
mod object;

use async_trait::async_trait;
use tollgate_core::{ClientId, Link, MerchantId, Timestamp, TrailKey};

use crate::StoreError;

pub use act::{Act, Draft};
pub use object::Object;

/// What became of what a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, or it is so.
    Done,
    /// It was refused: nothing was changed.
    Refused,
    /// It was tried and failed.
    Failed,
}

impl Outcome {
    /// Returns the word that is recorded.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A record of the audit trail, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number, and how it is chained to the one before.
    pub link: Link,
    /// When, by the store's clock.
    pub at: Timestamp,
    /// Who, as an [`ActorKind`](tollgate_core::ActorKind) is written.
    pub actor: String,
    /// From where: an address, or the name of a server.
    pub source: Option<String>,
    /// What was done, such as `client.disable`.
    pub act: String,
    /// What became of it: `done`, `refused` or `failed`.
    pub outcome: String,
    /// To what, as an [`Object`] is written.
    pub object: String,
    /// The client that it concerns.
    pub client_id: Option<ClientId>,
    /// The merchant that it concerns.
    pub merchant_id: Option<MerchantId>,
    /// What was so before, as JSON, without secrets.
    pub before: Option<String>,
    /// What is so since then, likewise; of an event what is to be said of it.
    pub after: Option<String>,
    /// The reason that was given.
    pub reason: Option<String>,
    /// The request by which it was asked for.
    pub request_id: Option<String>,
}

impl Record {
    /// Says whether the record, with this content, is the one that was written right behind `before`.
    pub fn is_chained_to(&self, before: Link, key: &TrailKey) -> bool {
        TrailKey::is_same(&self.linked_to(before, key), &self.link)
    }

    fn linked_to(&self, before: Link, key: &TrailKey) -> Link {
        fn text(text: Option<&String>) -> Option<&[u8]> {
            text.map(String::as_bytes)
        }
        let at = self.at.millis().to_be_bytes();
        key.chain(
            before,
            [
                Some(at.as_slice()),
                Some(self.actor.as_bytes()),
                text(self.source.as_ref()),
                Some(self.act.as_bytes()),
                Some(self.outcome.as_bytes()),
                Some(self.object.as_bytes()),
                self.client_id.as_ref().map(|id| id.as_bytes().as_slice()),
                self.merchant_id.as_ref().map(|id| id.as_bytes().as_slice()),
                text(self.before.as_ref()),
                text(self.after.as_ref()),
                text(self.reason.as_ref()),
                text(self.request_id.as_ref()),
            ],
        )
    }
}

/// Where the trail begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailEnds {
    /// The newest record that was purged; [`Link::START`] if none was.
    pub purged: Link,
    /// The newest record; [`Link::START`] if there never was one.
    pub newest: Link,
}

/// Which records are wanted: those to which all that is given applies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Of actors whose text begins so.
    pub actor: Option<String>,
    /// Of acts whose name begins so.
    pub act: Option<String>,
    /// Of this object.
    pub object: Option<String>,
    /// Of this client.
    pub client: Option<ClientId>,
    /// Of this merchant.
    pub merchant: Option<MerchantId>,
}

/// The order of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RecordOrder {
    /// As they were written.
    #[default]
    OldestFirst,
    /// The other way round.
    NewestFirst,
}

/// The audit trail.
#[async_trait]
pub trait Trail: Send + Sync {
    /// Returns where the trail begins and ends.
    async fn trail(&self) -> Result<TrailEnds, StoreError>;

    /// Adds the records of an act that changes nothing else: something that happened, or that was refused.
    async fn record(&self, act: &Act) -> Result<(), StoreError>;

    /// Returns up to `limit` records, in `order`, that come behind the one with the number `after` in it.
    async fn records(
        &self,
        wanted: &RecordFilter,
        order: RecordOrder,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError>;

    /// Deletes the records up to `until`, which stays known as the place from which the trail goes on. Returns their number;
    /// 0, and nothing changed, if there is no such record.
    async fn purge_records(&self, until: Link, act: &Act) -> Result<u64, StoreError>;
}
