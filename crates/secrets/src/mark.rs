//! Marks, by which a change of a secret is noticed without reading it.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::LazyLock;

/// The hasher of marks. It has a random key in each process, so that a mark does not reveal what it was made of.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A mark of a secret, made of what can be seen without reading it, such as the time of a change to its file. When it
/// changes, the secret may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    hash: u64,
    elsewhere: bool,
}

impl Mark {
    /// Makes the mark of a secret that changes only when `seen` does.
    pub fn complete(seen: impl Hash) -> Self {
        Self { hash: HASHER.hash_one(seen), elsewhere: false }
    }

    /// Makes the mark of a secret that is kept elsewhere, such as in a secret store. `seen` is the address of the store and the
    /// identity of this process there.
    pub fn elsewhere(seen: impl Hash) -> Self {
        Self { hash: HASHER.hash_one(seen), elsewhere: true }
    }

    /// Says whether the secret may change while the mark does not.
    pub fn is_elsewhere(self) -> bool {
        self.elsewhere
    }
}
