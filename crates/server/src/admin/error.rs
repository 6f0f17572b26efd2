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
        /// The client.
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
    /// The store to copy from holds no installation.
    #[error("the store holds no installation")]
    NoInstallation,
    /// The store to copy to is not empty.
    #[error("the store to copy to holds something already")]
    TargetNotEmpty,
    /// The master key is another, or something that it has sealed does not open, or no signing key can be made.
    #[error(transparent)]
    Open(OpenError),
    /// The store failed.
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
            | Self::UnknownAudience(_) => true,
            Self::NoInstallation | Self::TargetNotEmpty | Self::Open(_) | Self::Store(_) => false,
        }
    }
}

impl From<OpenError> for AdminError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Store(error) => Self::Store(error),
            error @ (OpenError::NotInstalled
            | OpenError::WrongMasterKey
            | OpenError::SecretsKey
            | OpenError::TrailKey
            | OpenError::SigningKey { .. }
            | OpenError::NewKey(_)) => Self::Open(error),
        }
    }
}
