//! The keys that only an authority holds: the master key and what it seals, the keys that sign tokens, and the hashes of secrets.
//!
//! A [`MasterKey`] opens what a store has sealed. A [`SigningRing`] mints tokens, which the ring that is made of the same keys verifies
//! ([`tollgate_core::VerifyingRing`]). A [`SecretHasher`] hashes a client's secret for the store. A [`TrailKey`] chains the
//! records of the audit trail.
//!
//! A program that only verifies links none of this. Nothing here does I/O, awaits or reads a clock: the time and the source of
//! random bytes are arguments.

mod master;
mod master_keys;
mod private_key;
mod secret;
mod signing_key;
mod signing_ring;
mod slow_hash;
#[cfg(test)]
mod tests;
mod trail;

pub use master::{MasterKey, MasterKeyError, SecretsKey, UnsealError};
pub use master_keys::MasterKeys;
pub use private_key::{PrivateKey, PrivateKeyError, RsaBits};
pub use secret::{ClientSecret, GivenSecret, GivenSecretError, SecretError, SecretHash, SecretHasher};
pub use signing_key::SigningKey;
pub use signing_ring::{MintError, Phase, SigningRing};
pub use slow_hash::{ForeignHash, Sha2, SlowHash, SlowHashError};
pub use trail::{Link, TrailKey};
