//! The requirements of a route on the token of a request.

use tollgate_core::{Claims, Environment, Scope, TokenError, VerifyingRing, is_allowed};
use tollgate_http::ClientAddress;

use crate::denial::Denial;

/// What a token must have to be admitted. The empty requirement admits every valid access token for the API of the keyring's
/// policy.
///
/// ```
/// use tollgate_core::Environment;
/// use tollgate_guard::Requirement;
///
/// # fn main() -> Result<(), tollgate_core::ScopeError> {
/// let reading = Requirement::new().scope("payments:read".parse()?).environment(Environment::Live);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirement {
    scope: Option<Scope>,
    audience: Option<String>,
    environment: Option<Environment>,
}

impl Requirement {
    /// Makes the empty requirement.
    pub const fn new() -> Self {
        Self { scope: None, audience: None, environment: None }
    }

    /// Requires every word of this scope; a token that lacks one is answered 403.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Requires this audience, one of those that the keyring accepts, and names it in challenges as the realm. A token
    /// for another audience is answered 401. Without this, only tokens for the API of the policy are admitted.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Requires a token of this environment; any other is answered 401.
    #[must_use]
    pub const fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Returns the audience that it requires, if any.
    pub(crate) fn required_audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    /// Checks verified claims against the requirement.
    pub(crate) fn check(
        &self,
        keyring: &VerifyingRing,
        claims: &Claims<'_>,
        address: Option<ClientAddress>,
    ) -> Result<(), Denial> {
        let is_for_another = match &self.audience {
            Some(audience) => audience != claims.audience,
            None => keyring.is_for_other_api(claims),
        };
        let allows = |word: &str| claims.allows(word);
        self.check_said(claims.environment, is_for_another, claims.addresses, address, allows)
    }

    /// Checks a valid token's scope, environment and audience against the requirement. The scope comes last: only a token that is
    /// otherwise right learns what it
    /// lacks.
    pub(crate) fn check_said(
        &self,
        environment: Environment,
        is_for_another: bool,
        addresses: Option<&str>,
        address: Option<ClientAddress>,
        allows: impl Fn(&str) -> bool,
    ) -> Result<(), Denial> {
        if self.environment.is_some_and(|required| required != environment) {
            return Err(Denial::Environment);
        }
        if is_for_another {
            return Err(Denial::InvalidToken(TokenError::Audience));
        }
        if let Some(list) = addresses {
            let address = address.and_then(ClientAddress::known);
            address.filter(|address| is_allowed(list, *address)).ok_or(Denial::Address)?;
        }
        match &self.scope {
            Some(scope) if !scope.words().all(allows) => Err(Denial::InsufficientScope(scope.clone())),
            _ => Ok(()),
        }
    }
}
