//! Why a client is not accepted, for operators: distinct reasons, of which the caller is told less.

use tollgate_core::SecretId;

/// Why a client was not authenticated, or may not do what a refresh token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// There are no credentials, or none that can be read.
    #[error("no credentials that can be read")]
    NoCredentials,
    /// There is no such client.
    #[error("unknown client")]
    UnknownClient,
    /// The client never had this secret, or it was removed long ago.
    #[error("wrong secret")]
    WrongSecret,
    /// The secret has expired.
    #[error("expired secret")]
    ExpiredSecret(SecretId),
    /// The secret was revoked.
    #[error("revoked secret")]
    RevokedSecret(SecretId),
    /// The client is disabled, but the secret is right.
    #[error("disabled client")]
    DisabledClient(SecretId),
    /// The client's merchant is disabled, but the secret is right.
    #[error("disabled merchant")]
    DisabledMerchant(SecretId),
    /// All tokens of the client or of its merchant's clients were ended after this one was issued.
    #[error("token of before all tokens of the client or of its merchant were ended")]
    EndedToken,
    /// The token is for an API that is no longer served.
    #[error("token for an API that is not configured any more")]
    FormerAudience,
}

impl Unproved {
    /// Returns the secret that the reason concerns.
    pub const fn secret(self) -> Option<SecretId> {
        match self {
            Self::ExpiredSecret(id)
            | Self::RevokedSecret(id)
            | Self::DisabledClient(id)
            | Self::DisabledMerchant(id) => Some(id),
            Self::NoCredentials
            | Self::UnknownClient
            | Self::WrongSecret
            | Self::EndedToken
            | Self::FormerAudience => None,
        }
    }
}
