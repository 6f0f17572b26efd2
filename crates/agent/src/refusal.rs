//! The agent's own answers: in the envelope of the API, with a header that marks them.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tollgate_core::wire::Code;
use tollgate_http::refusal::{self, Dialect};
use tollgate_http::{RequestId, X_REQUEST_ID};

use tollgate_client::{Clock, IDEMPOTENCY_KEY};

/// The header with the kind of one of the agent's own answers. It is removed from answers of the upstream.
pub(crate) const AGENT_ERROR: HeaderName = HeaderName::from_static("tollgate-agent-error");

/// The allowed methods, among those that are commonly used (RFC 9110 §10.2.1).
const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Makes the kinds of one table, so that none is without an answer.
macro_rules! kinds {
    ($($kind:ident $label:literal $status:ident $code:ident: $message:literal;)*) => {
        /// Why a request was not forwarded, or not answered.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { $($kind),* }

        impl Kind {
            /// All of them, each at its number.
            pub(crate) const ALL: [Self; [$($label),*].len()] = [$(Self::$kind),*];

            /// Returns the kind as text, for the header and the metrics.
            pub(crate) fn label(self) -> &'static str {
                match self { $(Self::$kind => $label),* }
            }

            fn answer(self) -> (StatusCode, Code, &'static str) {
                match self { $(Self::$kind => (StatusCode::$status, Code::$code, $message)),* }
            }
        }
    };
}

kinds! {
    Target "target" BAD_REQUEST ValidationError:
        "The target must be a path, below that of the upstream.";
    Host "host" MISDIRECTED_REQUEST Forbidden:
        "The Host header must be the agent's own address, or a name that it was told (--allow-host).";
    Browser "browser" FORBIDDEN BrowserNotAllowed:
        "A page in a browser may not use the agent.";
    Marker "marker" FORBIDDEN Forbidden:
        "Send the header X-Tollgate-Agent: 1 (once) to use the agent.";
    Method "method" METHOD_NOT_ALLOWED MethodNotAllowed:
        "The agent does not forward TRACE: the answer would hold the token.";
    Upgrade "upgrade" BAD_REQUEST ValidationError:
        "The agent upgrades connections to WebSocket only.";
    Expectation "expectation" EXPECTATION_FAILED ValidationError:
        "The agent supports no Expect other than 100-continue.";
    Body "body" BAD_REQUEST ValidationError:
        "The body of the request is broken.";
    SlowBody "slow_body" REQUEST_TIMEOUT RequestTimeout:
        "The body of the request did not arrive in time.";
    NoToken "no_token" SERVICE_UNAVAILABLE Unavailable:
        "The agent has no access token for now; its log says why. The request was not sent.";
    Connect "connect" BAD_GATEWAY Unavailable:
        "The agent can't connect to the upstream. The request was not sent.";
    Upstream "upstream" BAD_GATEWAY Unavailable:
        "The connection to the upstream broke. Whether the request was handled is not known.";
    Timeout "timeout" GATEWAY_TIMEOUT Unavailable:
        "The upstream did not answer in time. Whether the request was handled is not known.";
    NotReady "not_ready" SERVICE_UNAVAILABLE Unavailable:
        "The agent has no access token, or it is stopping.";
    NotFound "not_found" NOT_FOUND NotFound:
        "There is /healthz, /readyz and /metrics.";
}

/// One of the agent's own answers.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    /// How long the caller should wait before it tries again.
    pub(crate) retry_after: Option<Duration>,
    /// The `Idempotency-Key` that the request was sent with, for the next attempt.
    pub(crate) key: Option<HeaderValue>,
}

impl From<Kind> for Refusal {
    fn from(kind: Kind) -> Self {
        Self { kind, retry_after: None, key: None }
    }
}

impl Refusal {
    /// Makes the answer to the request with this id.
    pub(crate) fn response(self, request_id: RequestId) -> Response<Bytes> {
        let (status, code, message) = self.kind.answer();
        let mut refusal = refusal::Refusal::new(Dialect::Envelope, status, code.as_str(), message);
        if code == Code::ValidationError {
            refusal = refusal.of_the_request();
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            refusal = refusal.header(ALLOW, ALLOWED);
        }
        if let Some(after) = self.retry_after {
            refusal = refusal.retry_after(after);
        }
        if let Some(key) = self.key {
            refusal = refusal.header(IDEMPOTENCY_KEY, key);
        }
        refusal
            .header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
            .header(X_REQUEST_ID, request_id.into_header())
            .header(AGENT_ERROR, HeaderValue::from_static(self.kind.label()))
            .response()
    }
}

/// Takes the id of a request from its headers, or makes a new one.
pub(crate) fn request_id(headers: &HeaderMap, clock: &dyn Clock) -> RequestId {
    let millis = clock.now().wall.as_millis();
    RequestId::of(headers, u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn every_answer_is_in_the_envelope_and_marked() {
        for kind in Kind::ALL {
            let response = Refusal::from(kind).response(RequestId::of(&HeaderMap::new(), 0));
            let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(body["success"], false);
            assert!(body["error"]["code"].is_string());
            assert_eq!(response.headers()[AGENT_ERROR], kind.label());
            assert_eq!(response.headers()[X_REQUEST_ID].len(), 36);
            let is_invalid = body["error"]["code"] == "VALIDATION_ERROR";
            assert_eq!(body["error"]["metadata"]["errors"].is_array(), is_invalid, "{body}");
        }
    }

    #[test]
    fn who_is_told_to_wait_is_told_at_least_a_second() {
        for (wait, said) in [(0, "1"), (1_000, "1"), (1_001, "2"), (29_500, "30")] {
            let retry_after = Some(Duration::from_millis(wait));
            let refusal = Refusal { kind: Kind::NoToken, retry_after, key: None };
            assert_eq!(refusal.response(RequestId::of(&HeaderMap::new(), 0)).headers()[RETRY_AFTER], said);
        }
    }
}
