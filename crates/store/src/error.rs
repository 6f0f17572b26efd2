//! Why a store failed.

use tollgate_core::wire::Code;

/// Why a store could not do what it was asked. Nothing was changed, unless it is [`StoreError::OutcomeUnknown`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store can't be reached, is full, or failed to read or write. Trying again later may work.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The configuration names no usable store: none was created there, or it refuses the login. Waiting does not help.
    #[error("there is no store to use: {0}")]
    Misconfigured(String),
    /// The outcome of a change is unknown: it may have been made.
    #[error("the store is unavailable: {0}: whether the change was made is not known")]
    OutcomeUnknown(String),
    /// Another change came first, and nothing was changed. The caller must read again what it based its change on.
    #[error("the store was changed by others time and again: try again")]
    Overtaken,
    /// The store's content can't be understood: it is damaged, or not a store of Tollgate's.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The store was written by a newer version of Tollgate, whose schema this version doesn't know.
    #[error("the store has schema version {found}, this version knows up to {known}: use a newer tollgate")]
    Newer {
        /// The version of the store's schema.
        found: u32,
        /// The newest version of the schema that this program knows.
        known: u32,
    },
}

impl StoreError {
    /// Returns the error code of an answer to a request that failed by this error.
    pub const fn code(&self) -> Code {
        match self {
            Self::OutcomeUnknown(_) => Code::OutcomeUnknown,
            Self::Unavailable(_)
            | Self::Misconfigured(_)
            | Self::Overtaken
            | Self::Corrupt(_)
            | Self::Newer { .. } => Code::Unavailable,
        }
    }
}
