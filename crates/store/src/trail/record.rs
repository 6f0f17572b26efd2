//! A record of the audit trail.

use tollgate_core::{ClientId, MerchantId, Timestamp};
use tollgate_keys::{Link, TrailKey};

/// What became of what a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, or it is so.
    Done,
    /// It was refused: nothing was changed.
    Refused,
    /// It was tried and failed.
    Failed,
    /// It was asked for, and is done when somebody else asks for it too.
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

/// A record of the audit trail, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number, and how it is chained to the one before.
    pub link: Link,
    /// When, by the store's clock.
    pub at: Timestamp,
    /// Who, as an [`ActorKind`](crate::ActorKind) is written.
    pub actor: String,
    /// From where: an address, or the name of a server.
    pub source: Option<String>,
    /// What was done, such as `client.disable`.
    pub act: String,
    /// What became of it: `done`, `refused`, `failed` or `asked`.
    pub outcome: String,
    /// To what, as an [`Object`](super::Object) is written.
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
