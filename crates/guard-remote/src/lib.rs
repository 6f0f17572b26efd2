//! The guard in another process than the authority's: public keys, revocations and introspection over HTTP.
//!
//! [`RemoteVerifier`] verifies tokens with the keys and revocations that the authority publishes. [`IntrospectingVerifier`] asks about
//! each token, for audiences whose tokens nobody else can verify. Neither holds a key that could sign, and both decide for a
//! [`GuardLayer`](tollgate_guard::GuardLayer) as a [`Verifier`](tollgate_guard::Verifier) in the authority's process does.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use tollgate_client::Caller;
//! use tollgate_core::Environment;
//! use tollgate_guard::{GuardLayer, Requirement};
//! use tollgate_guard_remote::RemoteVerifier;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! // The guard's own client, with the scope tollgate:verify: TOLLGATE_BASE_URL, TOLLGATE_CLIENT_ID, TOLLGATE_CLIENT_SECRET.
//! let client = Caller::from_environment(&tollgate_client::Environment::process()).await?;
//! let verifier = RemoteVerifier::builder(client.base_url(), "https://ledger.example.com")
//!     .environment(Environment::Live)
//!     .client(client.id(), client.secret())
//!     .start()?;
//! verifier.ready().await;
//!
//! let reading = Requirement::new().scope("payments:read".parse()?);
//! let guard = GuardLayer::new(Arc::new(verifier)).require(reading);
//! # Ok(())
//! # }
//! ```

mod authority;
mod builder;
mod calls;
mod follow;
mod freshness;
mod introspection;
mod key_set;
mod keys;
mod news;
mod problem;
mod setup;
mod shared;
#[cfg(test)]
mod tests;
mod verifier;
mod wanted;

pub use builder::RemoteBuilder;
pub use freshness::WhenCutOff;
pub use introspection::{IntrospectingBuilder, IntrospectingVerifier};
pub use problem::Problem;
pub use setup::BuildError;
pub use verifier::RemoteVerifier;
