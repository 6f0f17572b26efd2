//! The verifier that reads keys and revocations from the authority.

use std::sync::Arc;

use http::HeaderMap;
use tokio::task::JoinSet;
use tollgate_core::TokenError;
use tollgate_guard::{ClientAddress, Decide, Decision, Denial, Realm, Requirement, bearer_token};

use crate::problem::Problem;
use crate::shared::Shared;
use crate::wanted::Later;

/// Verifies tokens with the public keys and the revocations that their authority publishes.
///
/// It holds no key that could sign. Its keys are those of `jwks_uri` in the authority's metadata (RFC 8414); they are read
/// again when their `max-age` is over, and when a token names an unknown one, for that at most once in 30 seconds. While the
/// authority is unreachable, the last keys count. Revocations come by a request that the authority keeps open until there is one.
/// Without an answer for longer than a bound, requests are refused with 503.
///
/// Its tasks end when it is dropped.
pub struct RemoteVerifier {
    pub(crate) shared: Arc<Shared>,
    /// The tasks, which are aborted with it.
    pub(crate) _tasks: JoinSet<()>,
}

impl RemoteVerifier {
    /// Waits until keys and revocations are known. Until then every request is refused with 503.
    pub async fn ready(&self) {
        self.shared.keeper.ready().await;
    }

    /// Says whether requests are decided about now, instead of being refused with 503 because the data is too old.
    pub fn is_ready(&self) -> bool {
        !self.shared.verifier.is_stale(self.shared.verifier.now())
    }

    /// Returns why keys or revocations could not be read the last time, for operators of the guard; `None` if all is well.
    pub fn problem(&self) -> Option<Problem> {
        self.shared.keeper.problem()
    }
}

impl Decide for RemoteVerifier {
    type Later = Later;

    /// Decides about a token. One that names an unknown key waits for the keys to be read again, if it may cause that.
    fn decide_soon(
        &self,
        headers: &HeaderMap,
        address: Option<ClientAddress>,
        requirement: &Requirement,
    ) -> Decision<Later> {
        let Shared { verifier, wanted, .. } = &*self.shared;
        let made = verifier.decide(headers, address, requirement, verifier.now());
        if !matches!(made, Err(Denial::InvalidToken(TokenError::Signature) | Denial::Stale))
            || !self.is_ready()
        {
            return Decision::Made(made);
        }
        let names_unknown = bearer_token(headers).is_ok_and(|token| verifier.keyring().lacks_key_of(token));
        match names_unknown.then(|| wanted.ask()).flatten() {
            None => Decision::Made(made),
            Some(number) => {
                let (shared, headers, requirement) =
                    (self.shared.clone(), headers.clone(), requirement.clone());
                Decision::Later(Box::pin(async move {
                    shared.wanted.served(number).await?;
                    let verifier = &shared.verifier;
                    verifier.decide(&headers, address, &requirement, verifier.now())
                }))
            }
        }
    }

    fn realm(&self) -> &Realm {
        self.shared.verifier.realm()
    }
}
