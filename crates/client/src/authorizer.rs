//! Sends requests with the token, and once more if a 401 says that another token may help.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, StatusCode, Uri};
use rand::Rng;
use uuid::{Builder, Uuid};

use crate::outgoing::{Incoming, Outgoing, Sender, Spare};
use crate::unauthorized::{IDEMPOTENCY_KEY, Reaction, react};
use crate::{Authorization, Cached, Generation, Origin, Reading, Unavailable, telemetry};

/// Authorizes requests to some origins. Cloning it is cheap.
///
/// It is a layer of `tower` and, with the feature `reqwest-middleware`, a middleware of reqwest. Where a program sends
/// requests in another way, [`send`](Self::send) does the same:
///
/// ```
/// use tollgate_client::{Authorizer, CallError};
///
/// async fn call(
///     authorizer: &Authorizer,
///     client: &reqwest::Client,
///     request: reqwest::Request,
/// ) -> Result<reqwest::Response, CallError<reqwest::Error>> {
///     authorizer.send(request, |request| client.execute(request)).await
/// }
/// ```
#[derive(Clone)]
pub struct Authorizer {
    cached: Cached,
    origins: Arc<[Origin]>,
    keys: bool,
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E> {
    /// No token is available. The request was not sent.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The error of the HTTP client that sends requests.
    #[error(transparent)]
    Inner(E),
}

impl Authorizer {
    /// Makes an authorizer for requests to these origins, and no others.
    pub fn new(cached: Cached, origins: impl IntoIterator<Item = Origin>) -> Self {
        Self { cached, origins: origins.into_iter().collect(), keys: true }
    }

    /// Turns off adding an `Idempotency-Key` to POSTs that have none.
    #[must_use]
    pub fn without_idempotency_keys(mut self) -> Self {
        self.keys = false;
        self
    }

    /// Returns the cache that the tokens come from.
    pub fn cached(&self) -> &Cached {
        &self.cached
    }

    /// Sends a request with the token, and a POST without an `Idempotency-Key` with a new one. If a 401 says that
    /// another token may help, the token is renewed and the request is sent once more, with the same key and body.
    ///
    /// `sender` must return a 401 as an answer and not as an error. A request to another origin, or with an
    /// `Authorization` of its own, is sent once and as it is.
    pub async fn send<Q: Outgoing, S: Sender<Q>>(
        &self,
        mut request: Q,
        mut sender: S,
    ) -> Result<S::Answer, CallError<S::Error>> {
        if !self.prepare(&mut request) {
            return sender.send(request, None).await.map_err(CallError::Inner);
        }
        let authorization = self.cached.ready().await?;
        request.head().2.insert(AUTHORIZATION, authorization.header().clone());
        let mut spare = Spare::of(&mut request);
        let first = sender.send(request, Some(&spare)).await.map_err(CallError::Inner)?;
        let newer = match self.react(authorization.generation(), &first, &spare) {
            Reaction::Resend => self.renewed(authorization.generation()).await,
            Reaction::PassOn | Reaction::Renew => None,
        };
        let Some(newer) = newer else { return Ok(first) };
        spare.renew(&newer);
        // While the newer token was obtained, more of the body may have been read than is kept.
        let Some(again) = spare.request() else { return Ok(first) };
        drop(first);
        let second = sender.send(again, Some(&spare)).await.map_err(CallError::Inner)?;
        self.answered_again(newer.generation(), &second);
        Ok(second)
    }

    /// Says whether the request gets a token. If so, adds the other headers that it needs.
    fn prepare(&self, request: &mut impl Outgoing) -> bool {
        let (method, uri, headers) = request.head();
        if headers.contains_key(AUTHORIZATION) || !uri.is_some_and(|uri| self.covers(&uri)) {
            return false;
        }
        if self.keys && method == Method::POST && !headers.contains_key(IDEMPOTENCY_KEY) {
            headers.insert(IDEMPOTENCY_KEY, uuid_v7(self.cached.clock().now()));
        }
        true
    }

    /// Says whether requests to this URI are authorized.
    fn covers(&self, uri: &Uri) -> bool {
        self.origins.iter().any(|origin| origin.is_of(uri))
    }

    /// Says whether the answer comes from an origin that the token is for, and not from the target of a redirect.
    fn is_from_origin(&self, answer: &impl Incoming) -> bool {
        answer.url().is_none_or(|url| url.parse().is_ok_and(|uri| self.covers(&uri)))
    }

    /// Records the first answer, and decides what to do about it.
    fn react<Q: Outgoing>(&self, used: Generation, answer: &impl Incoming, spare: &Spare<Q>) -> Reaction {
        if !self.is_from_origin(answer) {
            return Reaction::PassOn;
        }
        let (status, headers) = answer.head();
        let reaction = react(status, headers, spare.may_arrive_twice(), spare.is_whole());
        match reaction {
            Reaction::PassOn => self.note_accepted(used, status),
            Reaction::Renew => {
                telemetry::unauthorized("not_repeatable");
                self.cached.note_refused(used);
            }
            Reaction::Resend => {}
        }
        reaction
    }

    /// Returns a newer token than the one that was refused, if there is one.
    async fn renewed(&self, refused: Generation) -> Option<Authorization> {
        let newer = self.cached.refused(refused).await;
        telemetry::unauthorized(if newer.is_some() { "resent" } else { "no_newer_token" });
        newer
    }

    /// Records the answer to the second sending, which is passed on in any case.
    fn answered_again(&self, used: Generation, answer: &impl Incoming) {
        if !self.is_from_origin(answer) {
            return;
        }
        let (status, headers) = answer.head();
        if react(status, headers, false, false) == Reaction::Renew {
            telemetry::unauthorized("refused_again");
            self.cached.note_refused(used);
        }
        self.note_accepted(used, status);
    }

    /// Records that the API accepted the token. Only a success shows that.
    fn note_accepted(&self, generation: Generation, status: StatusCode) {
        if status.is_success() {
            self.cached.note_accepted(generation);
        }
    }
}

/// Returns a new UUIDv7 (RFC 9562 §5.7).
pub(crate) fn uuid_v7(now: Reading) -> HeaderValue {
    let mut random = [0; 10];
    rand::rng().fill_bytes(&mut random);
    let millis = u64::try_from(now.wall.as_millis()).unwrap_or_default();
    let uuid = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let text = uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned();
    HeaderValue::try_from(text).expect("a UUID is visible ASCII")
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::time::Duration;

    use super::*;
    use crate::Fault;

    #[test]
    fn an_error_of_whatever_sends_keeps_its_cause() {
        let inner =
            Unavailable { retry_after: Duration::from_secs(1), error: Some(Arc::new(Fault::Timeout.into())) };
        let error = CallError::Inner(inner);
        assert!(error.to_string().starts_with("no access token for now"), "{error}");
        assert_eq!(
            error.source().unwrap().to_string(),
            "no token from the authority: it did not answer in time"
        );
    }
}
