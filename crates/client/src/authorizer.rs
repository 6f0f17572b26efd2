//! How requests are authorized: with which token, for which origins, and what happens to a 401. The layer, the
//! middleware and the agent are forms of it.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use rand::Rng;
use uuid::{Builder, Uuid};

use crate::unauthorized::{IDEMPOTENCY_KEY, Reaction, is_repeatable, react};
use crate::{Authorization, Cached, Generation, Moment, Origin, Unavailable, telemetry};

/// Authorizes requests to some origins. Cloning it is cheap.
#[derive(Clone)]
pub struct Authorizer {
    cached: Cached,
    origins: Arc<[Origin]>,
    keys: bool,
}

/// A request that was authorized, to be kept until its answer is there.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    generation: Generation,
    repeatable: bool,
}

impl Authorizer {
    /// Authorizes requests to these origins, and no others.
    pub fn new(cached: Cached, origins: impl IntoIterator<Item = Origin>) -> Self {
        Self { cached, origins: origins.into_iter().collect(), keys: true }
    }

    /// Adds no `Idempotency-Key` to POSTs that have none.
    #[must_use]
    pub fn without_idempotency_keys(mut self) -> Self {
        self.keys = false;
        self
    }

    /// The tokens that it uses.
    pub fn cached(&self) -> &Cached {
        &self.cached
    }

    /// Adds the token to a request, and an `Idempotency-Key` to a POST without one.
    ///
    /// A request to another origin, or with an `Authorization` of its own, is left as it is: then there is no attempt.
    pub async fn authorize(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &mut HeaderMap,
    ) -> Result<Option<Attempt>, Unavailable> {
        if !self.prepare(method, uri, headers) {
            return Ok(None);
        }
        let authorization = self.cached.ready().await?;
        Ok(Some(Attempt::new(&authorization, method, headers)))
    }

    /// Adds what a request needs besides the token. Whether it is to have one.
    pub(crate) fn prepare(&self, method: &Method, uri: &Uri, headers: &mut HeaderMap) -> bool {
        if headers.contains_key(AUTHORIZATION) || !self.covers(uri) {
            return false;
        }
        if self.keys && method == Method::POST && !headers.contains_key(IDEMPOTENCY_KEY) {
            headers.insert(IDEMPOTENCY_KEY, uuid_v7(self.cached.clock().now()));
        }
        true
    }

    /// Whether requests there are authorized.
    pub(crate) fn covers(&self, uri: &Uri) -> bool {
        self.origins.iter().any(|origin| origin.is_of(uri))
    }

    /// With what the request is to be sent once more, all else the same; none where the answer is the caller's.
    /// `replayable` is whether its body is still at hand.
    ///
    /// It must not be asked about the second answer, except by [`refused_again`](Self::refused_again).
    pub async fn answered(
        &self,
        attempt: Attempt,
        status: StatusCode,
        headers: &HeaderMap,
        replayable: bool,
    ) -> Option<Authorization> {
        match react(status, headers, attempt.repeatable, replayable) {
            Reaction::PassOn => {
                self.note_accepted(attempt.generation, status);
                None
            }
            Reaction::Renew => {
                telemetry::unauthorized("not_repeatable");
                self.cached.note_refused(attempt.generation);
                None
            }
            Reaction::Resend => {
                let newer = self.cached.refused(attempt.generation).await;
                telemetry::unauthorized(if newer.is_some() { "resent" } else { "no_newer_token" });
                newer
            }
        }
    }

    /// Takes notice of the answer to what was sent once more. Whatever it is, it is the caller's.
    pub fn refused_again(&self, resent: &Authorization, status: StatusCode, headers: &HeaderMap) {
        if react(status, headers, false, false) == Reaction::Renew {
            telemetry::unauthorized("refused_again");
            self.cached.note_refused(resent.generation());
        }
        self.note_accepted(resent.generation(), status);
    }

    /// Only a success says that the token was looked at and found good.
    fn note_accepted(&self, generation: Generation, status: StatusCode) {
        if status.is_success() {
            self.cached.note_accepted(generation);
        }
    }
}

impl Attempt {
    /// Adds the token.
    pub(crate) fn new(authorization: &Authorization, method: &Method, headers: &mut HeaderMap) -> Self {
        headers.insert(AUTHORIZATION, authorization.header().clone());
        Self { generation: authorization.generation(), repeatable: is_repeatable(method, headers) }
    }

    /// Whether the request may arrive twice without harm.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn is_repeatable(self) -> bool {
        self.repeatable
    }
}

/// A UUIDv7 (RFC 9562 §5.7).
pub(crate) fn uuid_v7(now: Moment) -> HeaderValue {
    let mut random = [0; 10];
    rand::rng().fill_bytes(&mut random);
    let millis = u64::try_from(now.wall.as_millis()).unwrap_or_default();
    let uuid = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let text = uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned();
    HeaderValue::try_from(text).expect("a UUID is visible ASCII")
}
