//! The domain of Tollgate: ids, scopes, secrets, claims, keys, and the two operations on tokens.
//!
//! A [`SigningRing`] mints a token, a [`VerifyingRing`] verifies one. Nothing here does I/O, awaits or reads a clock: the
//! time and the source of random bytes are arguments.

mod actor;
mod address;
mod algorithm;
mod audience;
mod base64url;
mod claims;
pub mod constant_time;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod header;
mod hmac_key;
mod id;
mod jwk;
mod key;
mod master;
mod master_keys;
mod policy;
mod private_key;
mod public_key;
mod revocation;
mod scope;
mod secret;
mod sensitive;
mod signing_ring;
mod slow_hash;
mod time;
mod token;
mod trail;
mod verifying_ring;
pub mod wire;

pub use actor::{Actor, ActorError, ActorKind};
pub use address::is_allowed;
pub use algorithm::{Algorithm, AlgorithmError};
pub use audience::{Audience, AudienceError};
pub use claims::Claims;
pub use id::{ClientId, IdError, KeyId, MerchantId, PaymentRequestId, SecretId, SessionId};
pub use jwk::{Jwk, JwkError};
pub use key::{SigningKey, VerifyingKey};
pub use master::{MasterKey, MasterKeyError, SecretsKey, UnsealError};
pub use master_keys::MasterKeys;
pub use policy::{Accepted, Policy};
pub use private_key::{PrivateKey, PrivateKeyError, RsaBits};
pub use public_key::{PublicKey, PublicKeyError};
pub use revocation::{Generation, Revocation, Revoked, TokenId, TokenIdError};
pub use scope::{Environment, EnvironmentError, Scope, ScopeError};
pub use secret::{ClientSecret, GivenSecret, GivenSecretError, SecretError, SecretHash, SecretHasher};
pub use sensitive::Sensitive;
pub use signing_ring::{Phase, SigningRing};
pub use slow_hash::{ForeignHash, Sha2, SlowHash, SlowHashError};
pub use time::{Clock, Timestamp, Uptime};
pub use token::{MAX_TOKEN, MintError, PayloadBuffer, TokenError, TokenKind};
pub use trail::{Link, TrailKey};
pub use verifying_ring::VerifyingRing;
