//! Who a request comes from.

use tollgate_core::{Claims, ClientId, Environment, MerchantId, Scope, SecretId, Timestamp, TokenId};

/// Who an admitted request comes from. Only the guard makes one, when it admits a request:
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
    /// Reads the principal off verified claims.
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

    /// The client that the token was issued to.
    pub const fn client_id(&self) -> ClientId {
        self.client_id
    }

    /// The merchant that the client acts for; `None` for an operator's client, which acts for every merchant.
    pub const fn merchant_id(&self) -> Option<MerchantId> {
        self.merchant_id
    }

    /// The environment of the client: whether its calls move money.
    pub const fn environment(&self) -> Environment {
        self.environment
    }

    /// What the token allows.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The token's own id, its claim `jti`.
    pub const fn token_id(&self) -> TokenId {
        self.token_id
    }

    /// The secret that the token was obtained with; `None` if the authority was asked about the token, which doesn't say it.
    pub const fn secret_id(&self) -> Option<SecretId> {
        self.secret_id
    }

    /// The time from which the token is refused.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}
