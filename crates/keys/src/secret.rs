//! Client secrets: 256 random bits in a form that scanners find, kept only as a keyed hash.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use rand::CryptoRng;
use sha2::Sha256;
use tollgate_core::{ClientId, Environment, constant_time};
use zeroize::Zeroizing;

use crate::{ForeignHash, SlowHash};

/// The number of random digits: 43 base62 digits hold 256 bits.
const DIGITS: usize = 43;
/// The number of check digits: 6 base62 digits hold the CRC-32 of the text before them.
const CHECK_DIGITS: usize = 6;
const PREFIX_LEN: usize = "tg_live_".len();
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A client secret: `tg_live_` or `tg_test_`, 43 random base62 digits, and their CRC-32 in 6 more.
///
/// The prefix and the checksum are for secret scanners (`tg_(live|test)_[0-9A-Za-z]{49}`), which recognise a leaked
/// secret without asking a server. It can't be printed by accident, and is wiped from memory when dropped.
pub struct ClientSecret(Zeroizing<String>);

/// The error for a text that is not a client secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a client secret, or mistyped: it is tg_live_ or tg_test_ and 49 letters and digits")]
pub struct SecretError;

impl ClientSecret {
    /// Draws a secret for `environment`.
    pub fn generate(environment: Environment, rng: &mut impl CryptoRng) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX_LEN + DIGITS + CHECK_DIGITS));
        text.push_str(match environment {
            Environment::Live => "tg_live_",
            Environment::Test => "tg_test_",
        });
        let mut drawn = 0;
        while drawn < DIGITS {
            // The greatest multiple of 62 that a byte can hold: bytes from there on would favour the first digits.
            let mut byte = [0];
            rng.fill_bytes(&mut byte);
            if byte[0] < 248 {
                text.push(char::from(BASE62[usize::from(byte[0] % 62)]));
                drawn += 1;
            }
        }
        let check = check_digits(text.as_bytes());
        text.extend(check.map(char::from));
        Self(text)
    }

    /// Parses a secret, and refuses one whose checksum is wrong: for tools that can tell a person about a typing error.
    /// A server must not tell, and hashes whatever it is given.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let bytes = text.as_bytes();
        let well_formed = bytes.len() == PREFIX_LEN + DIGITS + CHECK_DIGITS
            && (text.starts_with("tg_live_") || text.starts_with("tg_test_"))
            && bytes[PREFIX_LEN..].iter().all(u8::is_ascii_alphanumeric);
        if !well_formed || check_digits(&bytes[..PREFIX_LEN + DIGITS]) != bytes[PREFIX_LEN + DIGITS..] {
            return Err(SecretError);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Shows the secret. The name is long so that its uses are found.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

fn check_digits(text: &[u8]) -> [u8; CHECK_DIGITS] {
    let mut crc = crc32fast::hash(text);
    let mut digits = [0; CHECK_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(crc % 62) as usize];
        crc /= 62;
    }
    digits
}

/// A secret that a client already uses elsewhere: any visible ASCII text (RFC 6749 appendix A.2) that is long enough. It is wiped
/// from memory when dropped.
pub struct GivenSecret(Zeroizing<String>);

/// The error for a text that can't be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 16 to 512 characters, all of them visible ASCII or spaces")]
pub struct GivenSecretError;

impl GivenSecret {
    /// Borrows the secret. The name is long so that its uses are found.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl FromStr for GivenSecret {
    type Err = GivenSecretError;

    fn from_str(text: &str) -> Result<Self, GivenSecretError> {
        let is_good =
            (16..=512).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        is_good.then(|| Self(Zeroizing::new(text.to_owned()))).ok_or(GivenSecretError)
    }
}

/// The keyed hash of a client's secret, as a store keeps it.
///
/// Secrets have 256 bits, so a fast hash is as strong as a slow one; the key makes a stolen store useless
/// without the master key. An imported secret is hashed by a slow function first, until it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Makes the hash from the 32 bytes that a store keeps.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Borrows the 32 bytes that a store keeps.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        constant_time::equal(&self.0, &other.0)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// Hashes secrets: HMAC-SHA-256 under a key derived from the master key.
#[derive(Clone)]
pub struct SecretHasher(Hmac<Sha256>);

impl SecretHasher {
    /// Makes a hasher with this key.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// Hashes `secret`, whatever it is, as a secret of `client`.
    ///
    /// The client's id is hashed with it, so that a row can't be moved to another client.
    pub fn hash(&self, client: ClientId, secret: &[u8]) -> SecretHash {
        let mut mac = self.0.clone();
        mac.update(client.as_bytes());
        mac.update(secret);
        SecretHash(mac.finalize().into_bytes().into())
    }

    /// Hashes the result of a slow function for a secret of `client`. The function, its cost and its salt are hashed with it, so
    /// that they can't be exchanged in a row.
    ///
    /// The key is another one: somebody who knows the digest, from the authority that the secret was imported from, must not be able
    /// to use it as the secret.
    pub fn hash_slow(&self, client: ClientId, function: &SlowHash, digest: &[u8]) -> SecretHash {
        let mut key = self.0.clone();
        key.update(b"tollgate v1 imported secrets");
        let key = Zeroizing::<[u8; 32]>::new(key.finalize().into_bytes().into());
        let mut mac: Hmac<Sha256> =
            Hmac::new_from_slice(key.as_ref()).expect("HMAC takes keys of any length");
        mac.update(client.as_bytes());
        mac.update(function.to_string().as_bytes());
        mac.update(&[0]);
        mac.update(digest);
        SecretHash(mac.finalize().into_bytes().into())
    }

    /// Hashes a secret of `client` of which only the slow hash is known.
    pub fn hash_foreign(&self, client: ClientId, foreign: &ForeignHash) -> SecretHash {
        self.hash_slow(client, &foreign.function, foreign.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_what_a_scanner_looks_for() {
        let secret = ClientSecret::generate(Environment::Test, &mut rand::rng());
        let text = secret.expose_secret();
        assert_eq!(text.len(), 57);
        assert!(text.starts_with("tg_test_"));
        assert!(ClientSecret::parse(text).is_ok());
    }

    #[test]
    fn a_mistyped_secret_is_noticed() {
        let secret = ClientSecret::generate(Environment::Live, &mut rand::rng());
        let text = secret.expose_secret();
        for at in 0..text.len() {
            let mut other = text.to_owned().into_bytes();
            other[at] = if other[at] == b'x' { b'y' } else { b'x' };
            let other = String::from_utf8(other).unwrap();
            assert!(ClientSecret::parse(&other).is_err(), "{at}");
        }
        assert!(ClientSecret::parse(&text[1..]).is_err());
        assert!(ClientSecret::parse("").is_err());
    }

    #[test]
    fn a_given_secret_is_long_enough_and_can_be_sent() {
        for good in ["0123456789abcdef", "with spaces, and #+%~!", &"x".repeat(512)] {
            assert_eq!(good.parse::<GivenSecret>().unwrap().expose_secret(), good);
        }
        for bad in [
            "",
            "0123456789abcde",
            "0123456789abcdef\n",
            "0123456789abcdé",
            "0123456789abcdef\u{7f}",
            &"x".repeat(513),
        ] {
            assert!(bad.parse::<GivenSecret>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_digest_is_no_secret_and_belongs_to_its_client_and_its_function() {
        let hasher = SecretHasher::new(&[7; 32]);
        let (a, b) = (ClientId::from_bytes([1; 16]), ClientId::from_bytes([2; 16]));
        let function = |cost| SlowHash::Bcrypt { cost, salt: [3; 16] };
        let hash = hasher.hash_slow(a, &function(10), b"digest");
        assert!(hash.matches(&hasher.hash_slow(a, &function(10), b"digest")));
        for other in [
            hasher.hash(a, b"digest"),
            hasher.hash_slow(b, &function(10), b"digest"),
            hasher.hash_slow(a, &function(4), b"digest"),
            hasher.hash_slow(a, &function(10), b"digesu"),
        ] {
            assert!(!hash.matches(&other));
        }
    }

    #[test]
    fn a_hash_belongs_to_its_client() {
        let hasher = SecretHasher::new(&[7; 32]);
        let (a, b) = (ClientId::from_bytes([1; 16]), ClientId::from_bytes([2; 16]));
        assert!(hasher.hash(a, b"s").matches(&hasher.hash(a, b"s")));
        assert!(!hasher.hash(a, b"s").matches(&hasher.hash(b, b"s")));
        assert!(!hasher.hash(a, b"s").matches(&hasher.hash(a, b"t")));
        assert!(!SecretHasher::new(&[8; 32]).hash(a, b"s").matches(&hasher.hash(a, b"s")));
    }
}
