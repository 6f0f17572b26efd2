//! Why a store failed.

use tollgate_core::wire::Code;

/// Why a store could not do as asked. Nothing was changed, unless it is [`StoreError::OutcomeUnknown`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It can't be reached, is full, or failed to read or write. Trying again later may work.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The configuration leads to no store: none was made there, or nobody is let in. Waiting does not help.
    #[error("there is no store to use: {0}")]
    Misconfigured(String),
    /// The outcome of a change is unknown: it may have been made.
    #[error("the store is unavailable: {0}: whether the change was made is not known")]
    OutcomeUnknown(String),
    /// Another act came first: nothing was changed. What this one was prepared on is to be read again.
    #[error("the store was changed by others time and again: try again")]
    Overtaken,
    /// Its content can't be understood: it is damaged, or not a store of Tollgate's.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// It was written by a newer version, whose schema this version doesn't know.
    #[error("the store has schema version {found}, this version knows up to {known}: use a newer tollgate")]
    Newer {
        /// The version of its schema.
        found: u32,
        /// The newest version that is known here.
        known: u32,
    },
}

impl StoreError {
    /// The code of an answer to a request that failed by it.
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
