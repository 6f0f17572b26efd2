//! What opening a store may do to it.

/// What opening a store may do to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Create the store if there is none, and bring its schema up to date.
    Create,
    /// Bring its schema up to date. It must exist: a mistyped name must not become a new and empty store.
    Change,
    /// Change nothing: the schema must be up to date already.
    Read,
}
