//! Of which version the schema of a store is.

use crate::StoreError;

/// The version of a store's schema, as the number of steps that have led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// How many have been taken.
    pub version: u32,
    /// How many a program must know at least to work with it.
    pub oldest: u32,
    /// How many this program knows.
    pub known: u32,
}

impl Schema {
    /// Fails with [`StoreError::Newer`] if this program can't work with it.
    pub const fn check(self) -> Result<(), StoreError> {
        if self.oldest > self.known { Err(self.newer()) } else { Ok(()) }
    }

    /// Fails likewise if a newer program has added to it: what this program would read is not all of it.
    pub const fn check_whole(self) -> Result<(), StoreError> {
        if self.version > self.known { Err(self.newer()) } else { Ok(()) }
    }

    const fn newer(self) -> StoreError {
        StoreError::Newer { found: self.version, known: self.known }
    }
}
