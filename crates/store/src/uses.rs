//! When secrets were last used, and from where. This is for people to look at: nothing is decided by it.

use async_trait::async_trait;
use tollgate_core::{ClientId, SecretId, Timestamp};

use crate::StoreError;

/// How many sources of a secret are told apart.
pub const SOURCES_TOLD_APART: u32 = 20;
/// What stands for all other sources.
pub const OTHER_SOURCES: &str = "*";

/// A use of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// Whose secret it is.
    pub client: ClientId,
    /// Which.
    pub secret: SecretId,
    /// The address that it was used from, in ASCII.
    pub source: String,
    /// When.
    pub at: Timestamp,
}

/// When a secret was last used, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUses {
    /// Which.
    pub secret: SecretId,
    /// When it was last used.
    pub last_at: Timestamp,
    /// Its sources with the time of the last use from each, by their text. Beyond the first 20 they are not told apart, and `*` stands
    /// for them.
    pub sources: Vec<(String, Timestamp)>,
}

/// The uses of secrets.
#[async_trait]
pub trait Uses: Send + Sync {
    /// Notes uses. Those of secrets that are not there are left out, and an earlier one takes nothing back.
    async fn note_uses(&self, uses: &[SecretUse]) -> Result<(), StoreError>;

    /// Returns the uses of a client's secrets. A secret that was not used, or not since uses are noted, is not among them.
    async fn uses(&self, client: ClientId) -> Result<Vec<SecretUses>, StoreError>;

    /// Returns when each secret of these clients was last used. One that was not, or not since uses are noted, is not among them.
    async fn last_uses(&self, clients: &[ClientId]) -> Result<Vec<(SecretId, Timestamp)>, StoreError>;

    /// Forgets the sources that secrets were last used from before this time. When a secret was last used stays known. Returns the
    /// number of rows.
    async fn forget_sources(&self, before: Timestamp) -> Result<u64, StoreError>;
}

/// Gathers uses from rows, which come by secret and source: secret, source, and the time of the last use. An empty source stands
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
