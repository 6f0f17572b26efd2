//! A record of the audit trail.

use tollgate_core::{ClientId, MerchantId, Timestamp};
use tollgate_keys::{Link, TrailKey};

/// The outcome of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done; for an event, it happened.
    Done,
    /// It was refused: nothing was changed.
    Refused,
    /// It was tried and failed.
    Failed,
    /// It was asked for, and is done once another person asks for it too.
    Asked,
}

impl Outcome {
    /// Returns the word that is recorded.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Asked => "asked",
        }
    }
}

/// A record of the audit trail, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number, and the hash that chains it to the record before.
    pub link: Link,
    /// When it was done, by the store's clock.
    pub at: Timestamp,
    /// Who did it, as an [`ActorKind`](crate::ActorKind) is written.
    pub actor: String,
    /// Where the actor was: an address, or the name of a server.
    pub source: Option<String>,
    /// What was done, such as `client.disable`.
    pub act: String,
    /// The outcome: `done`, `refused`, `failed` or `asked`.
    pub outcome: String,
    /// The object that it was done to, as an [`Object`](super::Object) is written.
    pub object: String,
    /// The client that it concerns.
    pub client_id: Option<ClientId>,
    /// The merchant that it concerns.
    pub merchant_id: Option<MerchantId>,
    /// The state before, as JSON, without secrets.
    pub before: Option<String>,
    /// The state afterwards, as JSON, without secrets; for an event, its details.
    pub after: Option<String>,
    /// The reason that was given for it.
    pub reason: Option<String>,
    /// The id of the request that asked for it.
    pub request_id: Option<String>,
}

impl Record {
    /// Says whether this record, with this content, was written right behind `before`.
    pub fn is_chained_to(&self, before: Link, key: &TrailKey) -> bool {
        self.linked_to(before, key).is_same(&self.link)
    }

    pub(super) fn linked_to(&self, before: Link, key: &TrailKey) -> Link {
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
