//! The caller's side of a payment API: holds an access token, renews it in time and never loses it.

mod secret;
mod tls;

pub use secret::{Secret, SecretError, SecretSource};
