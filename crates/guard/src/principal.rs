//! The client that a request comes from.

use tollgate_core::{Claims, ClientId, Environment, MerchantId, Scope, SecretId, Timestamp, TokenId};

/// The client that an admitted request comes from. Only the guard makes one, when it admits a request:
///
/// ```compile_fail
/// fn forge(principal: tollgate_guard::Principal) -> tollgate_guard::Principal {
///     tollgate_guard::Principal { merchant_id: None, ..principal }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub(crate) client_id: ClientId,
    pub(crate) merchant_id: Option<MerchantId>,
    pub(crate) environment: Environment,
    pub(crate) scope: Scope,
    pub(crate) token_id: TokenId,
    pub(crate) secret_id: Option<SecretId>,
    pub(crate) expires_at: Timestamp,
}

impl Principal {
    /// Makes the principal from verified claims.
    pub(crate) fn of(claims: &Claims<'_>) -> Self {
        Self {
            client_id: claims.subject,
            merchant_id: claims.merchant_id,
            environment: claims.environment,
            scope: claims.scope(),
            token_id: claims.id,
            secret_id: Some(claims.secret_id),
            expires_at: claims.expires_at,
        }
    }

    /// Returns the client that the token was issued to.
    pub const fn client_id(&self) -> ClientId {
        self.client_id
    }

    /// Returns the merchant that the client acts for; `None` for an operator's client, which acts for every merchant.
    pub const fn merchant_id(&self) -> Option<MerchantId> {
        self.merchant_id
    }

    /// Returns the environment of the client: whether its calls move money.
    pub const fn environment(&self) -> Environment {
        self.environment
    }

    /// Returns the scope of the token.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Returns the token's own id, its claim `jti`.
    pub const fn token_id(&self) -> TokenId {
        self.token_id
    }

    /// Returns the secret that the token was obtained with; `None` if the authority was asked about the token, since its answer doesn't
    /// name it.
    pub const fn secret_id(&self) -> Option<SecretId> {
        self.secret_id
    }

    /// Returns when the token expires: it is refused from then on.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}
