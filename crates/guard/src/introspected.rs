//! Admission by what the authority says of a token when it is asked.

use tollgate_core::{ClientId, Environment, MerchantId, Scope, Timestamp, TokenError, TokenId};
use tollgate_http::ClientAddress;

use crate::denial::Denial;
use crate::principal::Principal;
use crate::requirement::Requirement;

/// What the authority says of an active access token (RFC 7662 §2.2). Whoever asks it hands this to the guard, which decides
/// and makes the principal.
#[derive(Debug, Clone)]
pub struct Introspected {
    /// The client that the token was issued to.
    pub client_id: ClientId,
    /// The merchant that the client acts for; `None` for an operator's client.
    pub merchant_id: Option<MerchantId>,
    /// The environment of the client.
    pub environment: Environment,
    /// What the token allows.
    pub scope: Scope,
    /// The token's own id, its claim `jti`.
    pub token_id: TokenId,
    /// The time from which the token is refused.
    pub expires_at: Timestamp,
    /// The API that the token is for.
    pub audience: Box<str>,
    /// The networks that the token may be used from, as its claim `net` lists them; `None` for all.
    pub addresses: Option<Box<str>>,
}

impl Introspected {
    /// Decides about a request with this token, as [`Verifier::decide`](crate::Verifier::decide) would, for a guard of
    /// `audience` that admits tokens of `environment` alone, if it says one.
    pub fn admit(
        &self,
        requirement: &Requirement,
        audience: &str,
        environment: Option<Environment>,
        address: Option<ClientAddress>,
        now: Timestamp,
    ) -> Result<Principal, Denial> {
        if now >= self.expires_at {
            return Err(TokenError::Expired.into());
        }
        if environment.is_some_and(|admitted| admitted != self.environment) {
            return Err(Denial::Environment);
        }
        let is_for_another = *self.audience != *audience
            || requirement.required_audience().is_some_and(|required| *required != *self.audience);
        let allows = |word: &str| self.scope.contains(word);
        requirement.check_said(
            self.environment,
            is_for_another,
            self.addresses.as_deref(),
            address,
            allows,
        )?;
        Ok(Principal::introspected(
            self.client_id,
            self.merchant_id,
            self.environment,
            self.scope.clone(),
            self.token_id,
            self.expires_at,
        ))
    }
}
