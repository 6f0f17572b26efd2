//! The change log, and the revocations in it.

use std::time::Duration;

use async_trait::async_trait;
use tollgate_core::{ClientId, Generation, MerchantId, Revocation, Revoked, SecretId, Timestamp, TokenId};

use crate::{Act, StoreError};

/// How long a change that is not a revocation stays in the log: a process that was away for longer reloads everything.
pub const CHANGES_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How much longer than the longest token a revocation is kept, and a retired signing key verifies: the clocks of servers
/// may be behind by as much.
pub const CLOCKS_DIFFER: Duration = Duration::from_secs(60 * 60);

/// A position in the change log: right behind a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The change's number. Later changes have greater numbers; the position before the first change has 0.
    pub seq: u64,
    /// A random value that tells the change from another one with the same number in another history. A standby that becomes the
    /// primary without the newest changes gives their numbers to other changes, and so does a backup that was put in place of the
    /// store.
    pub mark: [u8; 16],
}

impl Position {
    /// The position before the first change.
    pub const START: Self = Self { seq: 0, mark: [0; 16] };
}

/// An entry of the change log: something that other processes must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The position right behind this change, where reading goes on.
    pub position: Position,
    /// What was changed.
    pub what: Changed,
}

/// What was changed, and so what a reader must load again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// A client or one of its secrets: read the client again.
    Client(ClientId),
    /// A merchant: read its clients again.
    Merchant(MerchantId),
    /// The signing keys, or the settings that the servers have agreed on: read both again.
    SigningKeys,
    /// Tokens were revoked: apply this revocation.
    Revocation(Revocation),
}

/// A change as the columns of a table hold it.
pub struct ChangeColumns<'a> {
    /// The name of the kind of change.
    pub kind: &'a str,
    /// The id of the client, merchant, secret or token that changed, if the kind has one.
    pub id: Option<[u8; 16]>,
    /// For a revocation of a client or a merchant, the generation up to which tokens are revoked; otherwise the first generation.
    pub generation: Option<Generation>,
    /// When the row may be purged; for a revocation, when it expires.
    pub until: Timestamp,
}

impl Changed {
    /// Returns the columns of a change. It stays in the log until `kept`, unless it is a revocation.
    pub fn columns(&self, kept: Timestamp) -> ChangeColumns<'static> {
        let news = |kind, id: Option<&[u8; 16]>| ChangeColumns {
            kind,
            id: id.copied(),
            generation: None,
            until: kept,
        };
        let Revocation { subject, expires_at } = match self {
            Self::Client(id) => return news("client", Some(id.as_bytes())),
            Self::Merchant(id) => return news("merchant", Some(id.as_bytes())),
            Self::SigningKeys => return news("signing keys", None),
            Self::Revocation(revocation) => revocation,
        };
        let (kind, id, generation) = match subject {
            Revoked::Token(id) => ("token revoked", id.as_bytes(), Generation::FIRST),
            Revoked::Secret(id) => ("secret revoked", id.as_bytes(), Generation::FIRST),
            Revoked::Client(id, from) => ("client revoked", id.as_bytes(), *from),
            Revoked::Merchant(id, from) => ("merchant revoked", id.as_bytes(), *from),
        };
        ChangeColumns { kind, id: Some(*id), generation: Some(generation), until: *expires_at }
    }

    /// Reads a change; `None` if no version of Tollgate has written these columns.
    pub fn read(columns: &ChangeColumns<'_>) -> Option<Self> {
        let subject = match (columns.kind, columns.id, columns.generation) {
            ("signing keys", _, _) => return Some(Self::SigningKeys),
            ("client", Some(id), _) => return Some(Self::Client(ClientId::from_bytes(id))),
            ("merchant", Some(id), _) => return Some(Self::Merchant(MerchantId::from_bytes(id))),
            ("token revoked", Some(id), _) => Revoked::Token(TokenId::from_bytes(id)),
            ("secret revoked", Some(id), _) => Revoked::Secret(SecretId::from_bytes(id)),
            ("client revoked", Some(id), Some(from)) => Revoked::Client(ClientId::from_bytes(id), from),
            ("merchant revoked", Some(id), Some(from)) => Revoked::Merchant(MerchantId::from_bytes(id), from),
            _ => return None,
        };
        Some(Self::Revocation(Revocation { subject, expires_at: columns.until }))
    }
}

/// The store's change log.
#[async_trait]
pub trait ChangeLog: Send + Sync {
    /// Returns the position behind the newest change.
    async fn last_change(&self) -> Result<Position, StoreError>;

    /// Returns up to `limit` changes after a position, in order. `None` if one of them has been purged, or if the history
    /// of the store has no such position (it was restored from a backup, or a standby took over that lacked it): the
    /// caller can't know what it missed and must reload everything. A change is kept for a day, a revocation until it
    /// expires.
    async fn changes_since(&self, after: Position, limit: u32) -> Result<Option<Vec<Change>>, StoreError>;
}

/// The store's revocations.
#[async_trait]
pub trait Revocations: Send + Sync {
    /// Returns every revocation that has not expired at `now`.
    async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError>;

    /// Returns up to `limit` revocations that have not expired at `now` and whose changes have numbers after `after`, each with
    /// its number, in the order of the numbers.
    async fn revocations_after(
        &self,
        after: u64,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(u64, Revocation)>, StoreError>;

    /// Records a revocation and writes it to the change log.
    async fn revoke(&self, revocation: &Revocation, now: Timestamp, act: &Act) -> Result<(), StoreError>;
}
