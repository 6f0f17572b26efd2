//! The version of a store's schema.

use crate::StoreError;

/// The version of a store's schema, counted in migration steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// How many steps have been taken.
    pub version: u32,
    /// How many steps a program must know to work with the store.
    pub oldest: u32,
    /// How many steps this program knows.
    pub known: u32,
}

impl Schema {
    /// Fails with [`StoreError::Newer`] if this program can't work with the store.
    pub const fn check(self) -> Result<(), StoreError> {
        if self.oldest > self.known { Err(self.newer()) } else { Ok(()) }
    }

    /// Fails with [`StoreError::Newer`] if a newer program has added to the schema: this program would not read all of the store.
    pub const fn check_whole(self) -> Result<(), StoreError> {
        if self.version > self.known { Err(self.newer()) } else { Ok(()) }
    }

    const fn newer(self) -> StoreError {
        StoreError::Newer { found: self.version, known: self.known }
    }
}
