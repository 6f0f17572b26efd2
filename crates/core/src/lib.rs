//! The domain of Tollgate: ids, scopes, claims, public keys, and how a token is verified.
//!
//! A [`VerifyingRing`] verifies a token. The keys that sign are in `tollgate-auth-keys`, which only an authority has. Nothing here
//! does I/O, awaits or reads a clock: the time is an argument.

mod address;
mod algorithm;
mod audience;
pub mod base64url;
mod claims;
pub mod constant_time;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod header;
mod hmac_key;
mod id;
mod jwk;
mod policy;
mod public_key;
mod revocation;
mod scope;
mod time;
mod token;
mod verifying_key;
mod verifying_ring;
pub mod wire;

pub use address::is_allowed;
pub use algorithm::{Algorithm, AlgorithmError};
pub use audience::{Audience, AudienceError};
pub use claims::{Claims, Form};
pub use hmac_key::HmacKey;
pub use id::{ClientId, IdError, KeyId, MerchantId, PaymentRequestId, SecretId, SessionId};
pub use jwk::{Jwk, JwkError};
pub use policy::{Accepted, Policy};
pub use public_key::{LONGEST_SIGNATURE, PublicKey, PublicKeyError};
pub use revocation::{Generation, Revocation, Revoked, TokenId, TokenIdError};
pub use scope::{Environment, EnvironmentError, Scope, ScopeError};
pub use time::{Clock, Timestamp, Uptime};
pub use token::{MAX_TOKEN, PayloadBuffer, TokenError, TokenKind};
pub use verifying_key::{Schedule, VerifyingKey};
pub use verifying_ring::VerifyingRing;
