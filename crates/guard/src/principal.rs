//! Who a request comes from.

use tollgate_core::{Claims, ClientId, Environment, MerchantId, Scope, SecretId, Timestamp, TokenId};

/// Who an admitted request comes from. The guard puts it into the request's extensions, and nothing else can make one
/// from a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The client that the token was issued to.
    pub client_id: ClientId,
    /// The merchant it acts for; `None` for an operator, which acts for every merchant.
    pub merchant_id: Option<MerchantId>,
    /// Whether its calls move money.
    pub environment: Environment,
    /// What the token allows.
    pub scope: Scope,
    /// The token's own name.
    pub token_id: TokenId,
    /// The secret it was obtained with.
    pub secret_id: SecretId,
    /// From when on the token is refused.
    pub expires_at: Timestamp,
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
            secret_id: claims.secret_id,
            expires_at: claims.expires_at,
        }
    }
}
