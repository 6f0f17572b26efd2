//! The caller's side of a payment API: holds an access token and renews it in time.
//!
//! - A [`TokenSource`] obtains a token: [`ClientCredentials`] does over HTTP, as a client of the Payment API or of any
//!   token endpoint of RFC 6749. A [`Caller`] is set up from the environment.
//! - [`Cached`] holds it and renews it on a task of its own. Reading it takes no lock, does not wait and does not
//!   allocate. A valid token is served even while the authority is down.
//! - An [`Authorizer`] sends requests with it, and handles a 401.
//!
//! ```
//! use std::time::Duration;
//!
//! use tollgate_client::{Cached, Clock, Obtaining, Settings, Token, TokenSource};
//!
//! /// Takes the place of an authority. Programs use `ClientCredentials`.
//! struct Authority;
//!
//! impl TokenSource for Authority {
//!     fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
//!         let lifetime = Duration::from_secs(900);
//!         Box::pin(async move { Ok(Token::new("abc.def", clock.now(), lifetime).expect("it is one")) })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cached = Cached::new(Authority, Settings::default());
//! let authorization = cached.ready().await?;
//! assert_eq!(authorization.header(), "Bearer abc.def");
//!
//! // Nobody waits while there is a token.
//! assert!(cached.authorization().is_some());
//! # Ok(())
//! # }
//! ```
//!
//! # Metrics
//!
//! A callback gets every change of [`State`] ([`Settings::on_change`]), each is logged through `tracing`, and these
//! metrics are reported through the facade `metrics`:
//!
//! | metric | labels | what |
//! | --- | --- | --- |
//! | `tollgate_client_token_calls_total` | `grant`, `outcome` | calls to the authority |
//! | `tollgate_client_renewals_total` | `trigger` (`cold`, `due`, `over`, `refused`), `outcome` | attempts to renew |
//! | `tollgate_client_renewal_seconds` | | how long an attempt took |
//! | `tollgate_client_wait_seconds` | `outcome` | how long callers waited for a token that was not there |
//! | `tollgate_client_unauthorized_total` | `result` | 401s about the token: resent or not, and why not |
//! | `tollgate_client_token_age_seconds` | | how old the current token is |
//! | `tollgate_client_token_usable_seconds` | | how long the current token can be used; zero without one |
//! | `tollgate_client_consecutive_failures` | | attempts that failed in a row |

mod authorizer;
mod blocking;
mod cached;
mod caller;
mod credentials;
mod http_client;
mod http_hosts;
mod layer;
#[cfg(feature = "reqwest-middleware")]
mod middleware;
mod origin;
mod outgoing;
mod renewal;
mod replay;
mod schedule;
mod source;
mod telemetry;
mod tls;
mod token;
mod unauthorized;
mod unavailable;

pub use authorizer::{Authorizer, CallError};
pub use blocking::Blocking;
pub use cached::{Cached, Settings};
pub use caller::{Caller, CallerError};
pub use credentials::{
    Builder, ClientAuthentication, ClientCredentials, Dialect, HttpTransport, Sending, Transport,
};
pub use http_client::{cause_of, http_client_builder};
pub use http_hosts::{HttpHosts, NotAHost};
pub use layer::{Authorize, ResponseFuture};
pub use origin::{ConfigurationError, Origin};
pub use outgoing::{Incoming, Outgoing, Sender, Spare};
pub use replay::Replay;
pub use source::{Fault, Looking, ObtainError, Obtaining, Rejection, TokenSource};
pub use telemetry::{Change, State, describe_metrics};
pub use tls::{tls_config, tls_config_for};
pub use token::{Authorization, Generation, NotAToken, Token};
pub use tollgate_secrets::{
    Clock, Environment, Mark, Reading, Reason, Reference, ReferenceError, Refusal, Secret, SecretError,
    SecretSource, SystemClock,
};
pub use unauthorized::IDEMPOTENCY_KEY;
pub use unavailable::Unavailable;
