//! The master key, which seals everything at rest.

use std::str::FromStr;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use rand::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Algorithm, KeyId, SecretHasher};

const NONCE: usize = 24;

/// 256 random bits from which every key of an installation is derived or by which it is sealed.
///
/// Its text form is 64 hexadecimal digits (`openssl rand -hex 32` makes one).
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// The error for a text that is not a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 64 hexadecimal digits; `openssl rand -hex 32` makes one")]
pub struct MasterKeyError;

/// The error for sealed material that this master key does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed by another master key, or damaged")]
pub struct UnsealError;

impl MasterKey {
    /// Draws a master key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(key.as_mut());
        Self(key)
    }

    /// Shows the text form, to be written to a file that only its owner reads.
    pub fn expose_hex(&self) -> Zeroizing<String> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = Zeroizing::new(String::with_capacity(64));
        for byte in self.0.iter() {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }

    /// A value by which a store tells whether it is opened with the right master key. It reveals nothing of the key.
    pub fn check_value(&self) -> [u8; 32] {
        *self.derived("tollgate v1 check value")
    }

    /// The hasher of client secrets.
    pub fn secret_hasher(&self) -> SecretHasher {
        SecretHasher::new(&self.derived("tollgate v1 client secrets"))
    }

    /// Seals the material of a signing key by XChaCha20-Poly1305. It opens only under the same id and algorithm, so neither
    /// rows nor what they say can be exchanged.
    pub fn seal(
        &self,
        id: KeyId,
        algorithm: Algorithm,
        material: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        rng.fill_bytes(&mut nonce);
        let sealed = self
            .aead()
            .encrypt(&XNonce::from(nonce), Payload { msg: material, aad: &identity(id, algorithm) })
            .expect("the material of a key is not too long to encrypt");
        [&nonce[..], &sealed].concat()
    }

    /// Opens what [`MasterKey::seal`] sealed.
    pub fn unseal(
        &self,
        id: KeyId,
        algorithm: Algorithm,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(UnsealError)?;
        self.aead()
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &identity(id, algorithm) })
            .map(Zeroizing::new)
            .map_err(|_| UnsealError)
    }

    fn aead(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.derived("tollgate v1 signing keys")).into())
    }

    fn derived(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, self.0.as_ref())
            .expand(label.as_bytes(), key.as_mut())
            .expect("HKDF-SHA-256 gives 32 bytes");
        key
    }
}

/// What tells a sealed key from others. That of HS256, the first algorithm there was, is its id alone.
fn identity(id: KeyId, algorithm: Algorithm) -> Vec<u8> {
    let name = if algorithm.is_asymmetric() { algorithm.as_str() } else { "" };
    [id.as_bytes(), name.as_bytes()].concat()
}

impl FromStr for MasterKey {
    type Err = MasterKeyError;

    fn from_str(text: &str) -> Result<Self, MasterKeyError> {
        let digits = text.trim_ascii().as_bytes();
        if digits.len() != 64 {
            return Err(MasterKeyError);
        }
        let mut key = Zeroizing::new([0; 32]);
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(MasterKeyError);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).expect("two hexadecimal digits make a byte");
        }
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: char) -> MasterKey {
        digit.to_string().repeat(64).parse().unwrap()
    }

    #[test]
    fn the_text_form_comes_back() {
        let text = MasterKey::generate(&mut rand::rng()).expose_hex();
        assert_eq!(*text.parse::<MasterKey>().unwrap().expose_hex(), *text);
        assert!(format!("{}\n", *text).parse::<MasterKey>().is_ok());
        for bad in ["", "ab", &"g".repeat(64), &"a".repeat(63), &"a".repeat(65), &"é".repeat(32)] {
            assert!(bad.parse::<MasterKey>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_sealed_opens_under_the_same_key_id_and_algorithm_only() {
        let id = KeyId::from_bytes([1; 16]);
        for algorithm in Algorithm::ALL {
            let sealed = key('a').seal(id, algorithm, &[7; 32], &mut rand::rng());
            assert_eq!(**key('a').unseal(id, algorithm, &sealed).unwrap(), [7; 32]);
            assert_eq!(key('b').unseal(id, algorithm, &sealed), Err(UnsealError));
            let other = KeyId::from_bytes([2; 16]);
            assert_eq!(key('a').unseal(other, algorithm, &sealed), Err(UnsealError));
            for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
                assert_eq!(key('a').unseal(id, other, &sealed), Err(UnsealError), "{algorithm} as {other}");
            }
            assert_eq!(key('a').unseal(id, algorithm, &sealed[..20]), Err(UnsealError));
            for at in 0..sealed.len() {
                let mut other = sealed.clone();
                other[at] ^= 1;
                assert_eq!(key('a').unseal(id, algorithm, &other), Err(UnsealError), "byte {at}");
            }
        }
    }

    #[test]
    fn the_check_value_tells_master_keys_apart() {
        assert_eq!(key('a').check_value(), key('A').check_value());
        assert_ne!(key('a').check_value(), key('b').check_value());
    }
}
