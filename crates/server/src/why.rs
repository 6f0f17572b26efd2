//! Why a request was refused, for operators: distinct reasons, of which the caller is told less.

use tollgate_core::TokenError;
use tollgate_guard::Denial;
use tollgate_installation::Unproved;

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// There are no credentials or no token, or none that can be read.
    NoCredentials,
    /// There is no such client.
    UnknownClient,
    /// The client never had this secret.
    WrongSecret,
    /// The secret has expired.
    ExpiredSecret,
    /// The secret was revoked.
    RevokedSecret,
    /// The client is disabled.
    DisabledClient,
    /// The client's merchant is disabled.
    DisabledMerchant,
    /// The client may not call from this address.
    Address,
    /// Too many attempts have failed, or the client has exceeded its quota or a limit.
    Throttled,
    /// The scope goes beyond what the client or its token may do.
    Scope,
    /// The client may not have tokens for the API, or the API is not served.
    Audience,
    /// The token is for another environment.
    Environment,
    /// The token has expired.
    ExpiredToken,
    /// The token was revoked, or the client, merchant or secret behind it was ended.
    RevokedToken,
    /// The token belongs to another client than the one that sends it.
    ForeignToken,
    /// The token is malformed or has a wrong signature.
    InvalidToken,
}

impl Why {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 16] = [
        Self::NoCredentials,
        Self::UnknownClient,
        Self::WrongSecret,
        Self::ExpiredSecret,
        Self::RevokedSecret,
        Self::DisabledClient,
        Self::DisabledMerchant,
        Self::Address,
        Self::Throttled,
        Self::Scope,
        Self::Audience,
        Self::Environment,
        Self::ExpiredToken,
        Self::RevokedToken,
        Self::ForeignToken,
        Self::InvalidToken,
    ];

    /// Returns the name in metrics and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCredentials => "no_credentials",
            Self::UnknownClient => "unknown_client",
            Self::WrongSecret => "wrong_secret",
            Self::ExpiredSecret => "expired_secret",
            Self::RevokedSecret => "revoked_secret",
            Self::DisabledClient => "disabled_client",
            Self::DisabledMerchant => "disabled_merchant",
            Self::Address => "address",
            Self::Throttled => "throttled",
            Self::Scope => "scope",
            Self::Audience => "audience",
            Self::Environment => "environment",
            Self::ExpiredToken => "expired_token",
            Self::RevokedToken => "revoked_token",
            Self::ForeignToken => "foreign_token",
            Self::InvalidToken => "invalid_token",
        }
    }

    /// Returns the name for people.
    pub fn words(self) -> String {
        self.as_str().replace('_', " ")
    }

    /// Returns why the guard denies a request; `None` if it can't decide.
    pub(crate) const fn of_denial(denial: &Denial) -> Option<Self> {
        Some(match denial {
            Denial::NoToken => Self::NoCredentials,
            // An authority that is asked does not say why.
            Denial::Inactive => Self::InvalidToken,
            Denial::InvalidToken(error) => Self::of_token(*error),
            Denial::Environment => Self::Environment,
            Denial::InsufficientScope(_) => Self::Scope,
            Denial::Address => Self::Address,
            Denial::Stale => return None,
        })
    }

    /// Returns the reason for refusing a client that was not authenticated.
    pub(crate) const fn of_unproved(unproved: Unproved) -> Self {
        match unproved {
            Unproved::NoCredentials => Self::NoCredentials,
            Unproved::UnknownClient => Self::UnknownClient,
            Unproved::WrongSecret => Self::WrongSecret,
            Unproved::ExpiredSecret(_) => Self::ExpiredSecret,
            Unproved::RevokedSecret(_) => Self::RevokedSecret,
            Unproved::DisabledClient(_) => Self::DisabledClient,
            Unproved::DisabledMerchant(_) => Self::DisabledMerchant,
            Unproved::EndedToken => Self::RevokedToken,
            Unproved::FormerAudience => Self::Audience,
        }
    }

    /// Returns the reason for refusing a token.
    pub(crate) const fn of_token(error: TokenError) -> Self {
        match error {
            TokenError::Expired => Self::ExpiredToken,
            TokenError::Revoked => Self::RevokedToken,
            TokenError::Audience => Self::Audience,
            TokenError::TooLong
            | TokenError::UnknownHeader
            | TokenError::Malformed
            | TokenError::Signature
            | TokenError::Claims
            | TokenError::NotYetValid
            | TokenError::Issuer => Self::InvalidToken,
        }
    }
}
