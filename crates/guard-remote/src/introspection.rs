//! Guards that ask the authority about each token (RFC 7662), for audiences whose tokens nobody else can verify.

use std::sync::Arc;

use http::HeaderMap;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tollgate_client::{SecretSource, Transport};
use tollgate_core::{Clock, Environment, MAX_TOKEN, TokenError};
use tollgate_guard::{
    ClientAddress, Decide, Decision, Denial, Introspected, Principal, Realm, Requirement, bearer_token,
};

use crate::setup::{BuildError, Own, Setup};
use crate::wanted::Later;

mod cache;
mod question;

use cache::{Answers, Found};
use question::Asker;

/// Asks the authority about each token, and keeps the answer for half a second, counted from the question. So a revocation
/// counts within a second, also if another server of the authority made it.
///
/// Requests with the same token share a question. While the authority doesn't answer, requests are refused with 503. For an API
/// with more than a few calls a second, an audience with public keys is better: [`RemoteVerifier`].
///
/// [`RemoteVerifier`]: crate::RemoteVerifier
pub struct IntrospectingVerifier {
    asking: Arc<Asking>,
    realm: Realm,
}

struct Asking {
    asker: Asker,
    answers: Answers,
    audience: Box<str>,
    environment: Option<Environment>,
    clock: Arc<dyn Clock>,
}

/// Builds an [`IntrospectingVerifier`].
#[must_use]
pub struct IntrospectingBuilder {
    setup: Setup,
    client: Own,
}

impl IntrospectingVerifier {
    /// Starts to build a verifier of the tokens of `issuer`, the authority's public URL, for `audience`, the API that is
    /// guarded. It asks as the client with this id and secret, to which the authority shows tokens of its audiences, its
    /// merchant and its environment. By default it admits tokens of live mode.
    pub fn builder(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        id: impl SecretSource,
        secret: impl SecretSource,
    ) -> IntrospectingBuilder {
        let setup = Setup::new(issuer.into(), audience.into());
        IntrospectingBuilder { setup, client: (Arc::new(id), Arc::new(secret)) }
    }
}

#[cfg(test)]
impl IntrospectingVerifier {
    pub(crate) fn answers_kept(&self) -> usize {
        self.asking.answers.len()
    }
}

impl IntrospectingBuilder {
    /// Admits only tokens of this environment; by default, of live mode.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.setup.environment = Some(environment);
        self
    }

    /// Admits tokens of live and of test mode. Each route must then check the environment itself.
    pub fn any_environment(mut self) -> Self {
        self.setup.environment = None;
        self
    }

    /// Calls the authority by this transport instead of HTTP.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.setup.transport = Some(Arc::new(transport));
        self
    }

    /// Uses this clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.setup.clock = clock;
        self
    }

    /// Makes the verifier. It calls the authority only for tokens, on tasks of the runtime that this is called in.
    pub fn build(self) -> Result<IntrospectingVerifier, BuildError> {
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let asker = Asker::new(self.setup.authority()?, self.client);
        let realm = Realm::of(&self.setup.audience);
        let asking = Asking {
            asker,
            answers: Answers::new(runtime),
            audience: self.setup.audience.into(),
            environment: self.setup.environment,
            clock: self.setup.clock,
        };
        Ok(IntrospectingVerifier { asking: Arc::new(asking), realm })
    }
}

impl Decide for IntrospectingVerifier {
    type Later = Later;

    fn decide_soon(
        &self,
        headers: &HeaderMap,
        address: Option<ClientAddress>,
        requirement: &Requirement,
    ) -> Decision<Later> {
        let token = match bearer_token(headers).and_then(plausible) {
            Ok(token) => token,
            Err(denial) => return Decision::Made(Err(denial)),
        };
        match Asking::find(&self.asking, token, Instant::now()) {
            Found::Known(introspected) => {
                Decision::Made(self.asking.admit(&introspected, address, requirement))
            }
            Found::Refused => Decision::Made(Err(Denial::Stale)),
            Found::Asked(answer) => {
                let (asking, requirement) = (self.asking.clone(), requirement.clone());
                let token: Box<[u8]> = token.into();
                Decision::Later(Box::pin(async move {
                    let introspected = asking.wait(&token, answer).await?;
                    asking.admit(&introspected, address, &requirement)
                }))
            }
        }
    }

    fn realm(&self) -> &Realm {
        &self.realm
    }
}

/// Returns the token if it could be one: not too long, and of characters that tokens have (RFC 6750 §2.1).
fn plausible(token: &[u8]) -> Result<&[u8], Denial> {
    if token.len() > MAX_TOKEN {
        return Err(TokenError::TooLong.into());
    }
    let is_of_a_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    if token.iter().all(is_of_a_token) { Ok(token) } else { Err(TokenError::Malformed.into()) }
}

impl Asking {
    /// Finds the answer about a token for a request that came at this time, or asks for it.
    fn find(asking: &Arc<Self>, token: &[u8], came: Instant) -> Found {
        let question = || {
            let (asking, token): (_, Box<[u8]>) = (asking.clone(), token.into());
            async move { asking.asker.ask(&token).await }
        };
        asking.answers.find(token, came, question)
    }

    /// Waits for an answer that is recent enough when it comes, at most for the second one, which is asked for after the request came.
    async fn wait(
        self: &Arc<Self>,
        token: &[u8],
        mut answer: cache::Awaited,
    ) -> Result<Arc<Introspected>, Denial> {
        loop {
            if let Some(introspected) = answer.come().await? {
                return Ok(introspected);
            }
            answer = match Self::find(self, token, answer.came) {
                Found::Known(introspected) => return Ok(introspected),
                Found::Refused => return Err(Denial::Stale),
                Found::Asked(answer) => answer,
            };
        }
    }

    fn admit(
        &self,
        introspected: &Introspected,
        address: Option<ClientAddress>,
        requirement: &Requirement,
    ) -> Result<Principal, Denial> {
        introspected.admit(requirement, &self.audience, self.environment, address, self.clock.now())
    }
}
