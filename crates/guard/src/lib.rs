//! The guard: admits or refuses a request by its bearer token (RFC 6750).
//!
//! [`Verifier::decide`] is the decision: request headers and a [`Requirement`] give a [`Principal`] or a [`Denial`].
//! [`GuardLayer`] puts it in front of a service as a `tower::Layer`. The inner service is reached with a [`Principal`] in
//! the request's extensions, or not at all; a refusal has the challenge that RFC 6750 §3 asks for.
//!
//! ```
//! use std::sync::Arc;
//! use tollgate_clock::SystemClock;
//! use tollgate_core::{Environment, KeyId, Policy, Timestamp, VerifyingRing};
//! use tollgate_guard::{GuardLayer, Principal, Requirement, Verifier};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # let key = tollgate_keys::SigningKey::derive(KeyId::from_bytes([1; 16]), &[1; 32], Timestamp::from_seconds(0), None);
//! # let policy = Policy {
//! #     issuer: "https://core.example.com".into(),
//! #     audience: "payment-api".into(),
//! #     exp_leeway: std::time::Duration::ZERO,
//! #     iat_leeway: std::time::Duration::from_secs(5),
//! # };
//! let keyring = VerifyingRing::new(policy, [key.verifying_key()]);
//! let verifier = Arc::new(Verifier::new(keyring, Arc::new(SystemClock)));
//! // Test and live never mix.
//! let reading = Requirement::new()
//!     .environment(Environment::Live)
//!     .scope("payments:read".parse().expect("it is a scope"));
//! let guard = GuardLayer::new(verifier).require(reading);
//!
//! let service = guard.layer(service_fn(|request: http::Request<()>| async move {
//!     let principal = request.extensions().get::<Principal>().expect("the guard admits nobody else");
//!     let body = format!("hello {}", principal.client_id());
//!     Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::<bytes::Bytes>::from(body)))
//! }));
//!
//! let response = service.oneshot(http::Request::new(())).await.unwrap();
//! assert_eq!(response.status(), 401);
//! assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"payment-api\"");
//! # }
//! ```

mod denial;
mod introspected;
mod layer;
mod principal;
mod requirement;
mod revocations;
mod token_cache;
mod verifier;

pub use denial::{Denial, Unverified};
pub use introspected::Introspected;
pub use layer::{Guard, GuardLayer, ResponseFuture};
pub use principal::Principal;
pub use requirement::Requirement;
pub use revocations::{Ended, Revocations};
pub use tollgate_http::{ClientAddress, Realm};
pub use verifier::{Decide, Decision, Freshness, Never, Verifier, bearer_token};
