//! Shows what the client kit does when a token is refused, step by step as it happens.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::calls::{self, Caller, Exchange, LIST, REFRESH, REVOKE, TOKEN};
use super::credentials::Credentials;
use super::kit::{Answering, Kit, Wire};
use super::request_checks::Refused;

/// A step, with an explanation.
pub(super) struct Step {
    pub(super) told: &'static str,
    pub(super) exchange: Exchange,
}

/// Makes the kit send three calls: with a valid token, with a revoked one, and with a revoked refresh token beside it.
pub(super) async fn watch(
    kit: &dyn Kit,
    caller: &Caller,
    credentials: &Credentials,
) -> Result<(Vec<Step>, Option<String>), Refused> {
    let wire = Arc::new(Recorder { caller: caller.clone(), passed: Mutex::default() });
    let client = match kit.client(credentials, wire.clone()) {
        Ok(client) => client,
        Err(problem) => return Ok((Vec::new(), Some(problem))),
    };
    let mut problem = client.call(calls::list(None)).await.err();
    for behind_its_back in [&["access_token"][..], &["access_token", "refresh_token"]] {
        if problem.is_some() {
            break;
        }
        for member in behind_its_back {
            let Some(token) = wire.last_granted(member) else { continue };
            wire.pass(calls::revoke(credentials, &token)).await?;
        }
        problem = client.call(calls::list(None)).await.err();
    }
    Ok((wire.steps(), problem))
}

/// Records the requests and answers.
struct Recorder {
    caller: Caller,
    passed: Mutex<Vec<Exchange>>,
}

impl Recorder {
    async fn pass(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Refused> {
        let exchange = self.caller.send(request).await?;
        let response = exchange.response.clone();
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
        Ok(response)
    }

    fn last_granted(&self, member: &str) -> Option<zeroize::Zeroizing<String>> {
        let passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        passed.iter().rev().find_map(|exchange| exchange.granted(member))
    }

    /// Returns the recorded exchanges in order, with explanations.
    fn steps(&self) -> Vec<Step> {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut steps: Vec<Step> = Vec::new();
        for exchange in passed.drain(..) {
            steps.push(Step { told: told(&exchange, &steps), exchange });
        }
        steps
    }
}

impl Wire for Recorder {
    fn send(&self, request: Request<Bytes>) -> Answering<'_, &'static str> {
        Box::pin(async move { self.pass(request).await.map_err(|_| "the server is going") })
    }
}

/// Explains a step, by its request and answer and those before.
fn told(step: &Exchange, before: &[Step]) -> &'static str {
    let answered = step.response.status();
    let is_list = |exchange: &Exchange| exchange.target == LIST;
    let last = before.iter().rev().map(|step| &step.exchange).find(|exchange| is_list(exchange));
    let again = last.is_some_and(|last| last.response.status() == StatusCode::UNAUTHORIZED);
    match (step.target.as_str(), answered) {
        (TOKEN, StatusCode::OK) if before.is_empty() => {
            "It has no token yet: it authenticates with the secret."
        }
        (TOKEN, StatusCode::OK) => "It falls back to the secret, and gets both tokens anew.",
        (TOKEN, _) => "It authenticates with the secret, and is refused.",
        (REFRESH, StatusCode::OK) => "It asks once for another access token, by the refresh token.",
        (REFRESH, _) => "It asks by the refresh token, and is refused.",
        (REVOKE, _) => "Behind its back, one of its tokens is revoked.",
        (LIST, StatusCode::UNAUTHORIZED) if again => "It sends the request once more, and is refused again.",
        (LIST, StatusCode::UNAUTHORIZED) => "It sends a request, and the token is refused.",
        (LIST, _) if again => {
            "It sends the request once more, with the new token. The program sees this answer only."
        }
        _ => "It sends the request with the token.",
    }
}
