//! Why an act of administration failed.

use tollgate_core::{Algorithm, Audience, ClientId, MerchantId, SecretId};
use tollgate_store::StoreError;

use crate::opening::OpenError;

/// Why an act of administration failed. Nothing was changed, unless it is [`StoreError::OutcomeUnknown`].
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// No merchant has this id.
    #[error("there is no merchant {0}")]
    UnknownMerchant(MerchantId),
    /// No client has this id.
    #[error("there is no client {0}")]
    UnknownClient(ClientId),
    /// The client has no secret with this id.
    #[error("client {client} has no secret {secret}")]
    UnknownSecret {
        /// The client that was named.
        client: ClientId,
        /// The secret that it does not have.
        secret: SecretId,
    },
    /// The algorithm has a signing key already.
    #[error("there is a signing key of {0} already: `tollgate key rotate --algorithm {0}` adds the next one")]
    KeyExists(Algorithm),
    /// An audience is not configured.
    #[error(
        "no audience is called {0}: name it in the configuration first, as tokens.audience or in [[audiences]]"
    )]
    UnknownAudience(Audience),
    /// A merchant has this id already.
    #[error("there is a merchant {0} already")]
    MerchantExists(MerchantId),
    /// A merchant with this id was deleted, and its clients may still have tokens.
    #[error(
        "a merchant {0} was deleted not long ago: tokens under this id are refused for now, so choose another id"
    )]
    MerchantDeleted(MerchantId),
    /// A client has this id already.
    #[error("there is a client {0} already")]
    ClientExists(ClientId),
    /// A client with this id was deleted, and may still have tokens.
    #[error(
        "a client {0} was deleted not long ago: tokens under this id are refused for now, so choose another id"
    )]
    ClientDeleted(ClientId),
    /// No client can have this id.
    #[error("no client can have the id {0}, which stands for none: choose another one")]
    ReservedId(ClientId),
    /// The object has been changed since it was read.
    #[error("it has been changed since you read it: read it again")]
    Changed,
    /// Somebody tried to give a right that they don't have.
    #[error("only an operator with {0} can give it, or change a client that has it")]
    BeyondAuthority(String),
    /// Somebody tried to lock themselves out.
    #[error("an operator's client can't do this to itself: let another one do it")]
    Oneself,
    /// The act takes two people, and the first has asked for it now.
    #[error(
        "it takes two people: it is done when another one asks for the same within {within} of the first"
    )]
    SecondPerson {
        /// The time in which the second must ask, as a duration is written.
        within: String,
    },
    /// An operator tried to make an operator, but acts take two people.
    #[error(
        "where acts take two people, operators are made with the master key only: use the command line on the store"
    )]
    MakesOperators,
    /// A lifetime of a client's tokens is too long, zero, or not in whole seconds.
    #[error("{field} must be whole seconds from 1s to {longest}, the configured lifetime")]
    Lifetime {
        /// The setting that has the lifetime.
        field: &'static str,
        /// The longest lifetime that is allowed, as a duration is written.
        longest: String,
    },
    /// A link to sign in by was not made for this installation, or is cut short.
    #[error("this link was not made here, or is not whole")]
    UnknownLink,
    /// A link to sign in by is too old.
    #[error("this link has expired")]
    ExpiredLink,
    /// Somebody has already signed in by this link.
    #[error("this link was used before")]
    UsedLink,
    /// A session of the console has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// An idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// An idempotency key can't be kept, and nothing was done.
    #[error("the idempotency key can't be kept: {0}")]
    KeyNotKept(StoreError),
    /// The first request with an idempotency key has not finished.
    #[error("the first request with this idempotency key is in progress")]
    InProgress,
    /// An answer was sealed by a master key that is no longer given.
    #[error("the answer that was given before is sealed by another master key")]
    SealedAnswer,
    /// The store to copy from holds no installation.
    #[error("the store holds no installation")]
    NoInstallation,
    /// The store to copy to is not empty.
    #[error("the store to copy to holds something already")]
    TargetNotEmpty,
    /// The master key doesn't fit, a sealed key does not open, or a signing key can't be generated.
    #[error(transparent)]
    Open(OpenError),
    /// The store failed, or refused a change.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AdminError {
    /// Says whether an order was refused, which is recorded; otherwise it failed.
    pub(super) const fn is_refusal(&self) -> bool {
        match self {
            Self::UnknownMerchant(_)
            | Self::UnknownClient(_)
            | Self::UnknownSecret { .. }
            | Self::KeyExists(_)
            | Self::UnknownAudience(_)
            | Self::MerchantExists(_)
            | Self::MerchantDeleted(_)
            | Self::ClientExists(_)
            | Self::ClientDeleted(_)
            | Self::ReservedId(_)
            | Self::Changed
            | Self::BeyondAuthority(_)
            | Self::Oneself
            | Self::MakesOperators
            | Self::Lifetime { .. } => true,
            // The request for the second person is recorded.
            Self::SecondPerson { .. }
            // Anybody can try these, so the number of their records must be bounded.
            | Self::UnknownLink
            | Self::ExpiredLink
            | Self::UsedLink
            | Self::SessionEnded
            | Self::KeyReused
            | Self::KeyNotKept(_)
            | Self::InProgress
            | Self::SealedAnswer
            | Self::NoInstallation
            | Self::TargetNotEmpty
            | Self::Open(_)
            | Self::Store(_) => false,
        }
    }
}

impl From<OpenError> for AdminError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Store(error) => Self::Store(error),
            error @ (OpenError::NotInstalled
            | OpenError::WrongMasterKey
            | OpenError::SealedAnew
            | OpenError::SecretsKey
            | OpenError::TrailKey
            | OpenError::SigningKey { .. }
            | OpenError::NewKey(_)) => Self::Open(error),
        }
    }
}
