//! What shows of a secret without reading it.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::LazyLock;

/// Keyed anew in each process, so that a mark says nothing about what it was made of.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// What shows of a secret without reading it, such as when its file was changed. Two that differ say that a reading may
/// bring another secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    hash: u64,
    elsewhere: bool,
}

impl Mark {
    /// Of a secret that changes only when `seen` does.
    pub fn complete(seen: impl Hash) -> Self {
        Self { hash: HASHER.hash_one(seen), elsewhere: false }
    }

    /// Of a secret that is kept elsewhere, such as in a secret store. `seen` is what the store is asked with: where and
    /// as whom.
    pub fn elsewhere(seen: impl Hash) -> Self {
        Self { hash: HASHER.hash_one(seen), elsewhere: true }
    }

    /// Whether the secret may change while the mark does not.
    pub(crate) fn is_elsewhere(self) -> bool {
        self.elsewhere
    }
}
