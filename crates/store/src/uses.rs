//! When secrets were last used, and from where. This is for people to look at: nothing is decided by it.

use async_trait::async_trait;
use tollgate_core::{ClientId, SecretId, Timestamp};

use crate::StoreError;

/// How many sources of a secret are recorded separately.
pub const SOURCES_TOLD_APART: u32 = 20;
/// The text that stands for all other sources.
pub const OTHER_SOURCES: &str = "*";

/// A use of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The client that the secret belongs to.
    pub client: ClientId,
    /// The secret that was used.
    pub secret: SecretId,
    /// The address that it was used from, in ASCII.
    pub source: String,
    /// When it was used.
    pub at: Timestamp,
}

/// When a secret was last used, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUses {
    /// The secret's id.
    pub secret: SecretId,
    /// When it was last used.
    pub last_at: Timestamp,
    /// Its sources with the time of the last use from each, sorted by text. After the first 20, `*` stands
    /// for all others.
    pub sources: Vec<(String, Timestamp)>,
}

/// The store's record of when secrets were used.
#[async_trait]
pub trait Uses: Send + Sync {
    /// Notes uses. Uses of secrets that don't exist are ignored, and an earlier use never replaces a later one.
    async fn note_uses(&self, uses: &[SecretUse]) -> Result<(), StoreError>;

    /// Returns the uses of a client's secrets, without the secrets that have no noted use.
    async fn uses(&self, client: ClientId) -> Result<Vec<SecretUses>, StoreError>;

    /// Returns when each secret of these clients was last used, without the secrets that have no noted use.
    async fn last_uses(&self, clients: &[ClientId]) -> Result<Vec<(SecretId, Timestamp)>, StoreError>;

    /// Forgets the sources that secrets were last used from before this time. The time of a secret's last use is kept. Returns the
    /// number of rows.
    async fn forget_sources(&self, before: Timestamp) -> Result<u64, StoreError>;
}

/// Gathers uses from rows of secret, source and time of the last use, sorted by secret and source. An empty source stands
/// for all of them.
pub fn gather_uses<E>(
    rows: impl Iterator<Item = Result<(SecretId, String, Timestamp), E>>,
) -> Result<Vec<SecretUses>, E> {
    let mut gathered: Vec<SecretUses> = Vec::new();
    for row in rows {
        let (secret, source, at) = row?;
        if gathered.last().is_none_or(|last| last.secret != secret) {
            gathered.push(SecretUses { secret, last_at: at, sources: Vec::new() });
        }
        let uses = gathered.last_mut().expect("it was pushed");
        uses.last_at = uses.last_at.max(at);
        if !source.is_empty() {
            uses.sources.push((source, at));
        }
    }
    Ok(gathered)
}
