//! The master key, which seals everything at rest.

use std::str::FromStr;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use rand::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use tollgate_core::{Algorithm, KeyId};

use crate::{SecretHasher, TrailKey};

const NONCE: usize = 24;
const SIGNING_KEYS: &str = "tollgate v1 signing keys";
const SECRETS_KEY: &str = "tollgate v1 secrets key";
const ANSWERS: &str = "tollgate v1 answers";
const TRAIL_KEY: &str = "tollgate v1 trail key";
const CONSOLE: &str = "tollgate v1 console";

/// A master key: 256 random bits from which the keys of an installation are derived or by which they are sealed.
///
/// Its text form is 64 hexadecimal digits (`openssl rand -hex 32` makes one).
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// The error for a text that is not a master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// The text has another form.
    #[error("a master key is 64 hexadecimal digits; `openssl rand -hex 32` makes one")]
    Form,
    /// Its bytes are all the same, repeat, or count: they were not drawn at random.
    #[error(
        "this master key was not drawn at random, as its bytes are all zero, repeat or count; \
         `openssl rand -hex 32` makes one"
    )]
    NotRandom,
}

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

    /// Returns a value by which a store tells whether it is opened with the right master key. It reveals nothing about the key.
    pub fn check_value(&self) -> [u8; 32] {
        *self.derived("tollgate v1 check value")
    }

    /// Returns the hasher of client secrets, for an installation that was only ever sealed with this key.
    pub fn secret_hasher(&self) -> SecretHasher {
        self.secrets_key().hasher()
    }

    /// Returns the key of the hasher for client secrets.
    pub fn secrets_key(&self) -> SecretsKey {
        SecretsKey(self.derived("tollgate v1 client secrets"))
    }

    /// Seals the key that secrets are hashed with, so that their hashes can outlive the master key that it was derived from.
    pub fn seal_secrets_key(&self, key: &SecretsKey, rng: &mut impl CryptoRng) -> Vec<u8> {
        seal(&self.aead(SECRETS_KEY), SECRETS_KEY.as_bytes(), key.0.as_ref(), rng)
    }

    /// Opens what [`MasterKey::seal_secrets_key`] sealed.
    pub fn unseal_secrets_key(&self, sealed: &[u8]) -> Result<SecretsKey, UnsealError> {
        self.unseal_key(SECRETS_KEY, sealed).map(SecretsKey)
    }

    /// Returns the key of the audit trail, for an installation that was only ever sealed with this key.
    pub fn trail_key(&self) -> TrailKey {
        TrailKey(self.derived("tollgate v1 audit trail"))
    }

    /// Seals the key of the audit trail, so that the trail can outlive the master key that it was derived from.
    pub fn seal_trail_key(&self, key: &TrailKey, rng: &mut impl CryptoRng) -> Vec<u8> {
        seal(&self.aead(TRAIL_KEY), TRAIL_KEY.as_bytes(), key.0.as_ref(), rng)
    }

    /// Opens what [`MasterKey::seal_trail_key`] sealed.
    pub fn unseal_trail_key(&self, sealed: &[u8]) -> Result<TrailKey, UnsealError> {
        self.unseal_key(TRAIL_KEY, sealed).map(TrailKey)
    }

    fn unseal_key(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<[u8; 32]>, UnsealError> {
        let opened = unseal(&self.aead(label), label.as_bytes(), sealed)?;
        opened.as_slice().try_into().map(Zeroizing::new).map_err(|_| UnsealError)
    }

    /// Seals the material of a signing key by XChaCha20-Poly1305. It opens only under the same id and algorithm, so neither
    /// rows nor their columns can be exchanged.
    pub fn seal(
        &self,
        id: KeyId,
        algorithm: Algorithm,
        material: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        seal(&self.aead(SIGNING_KEYS), &identity(id, algorithm), material, rng)
    }

    /// Opens what [`MasterKey::seal`] sealed.
    pub fn unseal(
        &self,
        id: KeyId,
        algorithm: Algorithm,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        unseal(&self.aead(SIGNING_KEYS), &identity(id, algorithm), sealed)
    }

    /// Seals an answer that contains a secret, for as long as the request may be repeated. It opens only for the request
    /// that `identity` names.
    pub fn seal_answer(&self, identity: &[u8], body: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        seal(&self.aead(ANSWERS), identity, body, rng)
    }

    /// Opens what [`MasterKey::seal_answer`] sealed.
    pub fn unseal_answer(&self, identity: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        unseal(&self.aead(ANSWERS), identity, sealed)
    }

    /// Seals data that the console gives to browsers and gets back: a link to sign in by, a session. It opens only for the purpose
    /// `what`.
    pub fn seal_console(&self, what: &str, content: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        seal(&self.aead(CONSOLE), what.as_bytes(), content, rng)
    }

    /// Opens what [`MasterKey::seal_console`] sealed.
    pub fn unseal_console(&self, what: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        unseal(&self.aead(CONSOLE), what.as_bytes(), sealed)
    }

    fn aead(&self, label: &str) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.derived(label)).into())
    }

    fn derived(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, self.0.as_ref())
            .expand(label.as_bytes(), key.as_mut())
            .expect("HKDF-SHA-256 gives 32 bytes");
        key
    }
}

/// Returns the bytes that bind sealed material to a key. For HS256, the first algorithm, they are only the key's id.
fn identity(id: KeyId, algorithm: Algorithm) -> Vec<u8> {
    let name = if algorithm.is_asymmetric() { algorithm.as_str() } else { "" };
    [id.as_bytes(), name.as_bytes()].concat()
}

fn seal(aead: &XChaCha20Poly1305, aad: &[u8], material: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    let sealed = aead
        .encrypt(&XNonce::from(nonce), Payload { msg: material, aad })
        .expect("a key is not too long to encrypt");
    [&nonce[..], &sealed].concat()
}

fn unseal(aead: &XChaCha20Poly1305, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(UnsealError)?;
    aead.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad })
        .map(Zeroizing::new)
        .map_err(|_| UnsealError)
}

/// The key with which secrets are hashed.
pub struct SecretsKey(Zeroizing<[u8; 32]>);

impl SecretsKey {
    /// Returns the hasher with this key.
    pub fn hasher(&self) -> SecretHasher {
        SecretHasher::new(&self.0)
    }
}

impl FromStr for MasterKey {
    type Err = MasterKeyError;

    fn from_str(text: &str) -> Result<Self, MasterKeyError> {
        let digits = text.trim_ascii().as_bytes();
        if digits.len() != 64 {
            return Err(MasterKeyError::Form);
        }
        let mut key = Zeroizing::new([0; 32]);
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(MasterKeyError::Form);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).expect("two hexadecimal digits make a byte");
        }
        if is_random(&key) { Ok(Self(key)) } else { Err(MasterKeyError::NotRandom) }
    }
}

/// Says whether 32 bytes may have been drawn at random: fewer than one in 2^100 random keys is refused.
fn is_random(key: &[u8; 32]) -> bool {
    let repeats = |length: usize| key.chunks(length).all(|part| part == &key[..length]);
    let steps_alike = key.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == key[1].wrapping_sub(key[0]));
    let mut distinct = *key;
    distinct.sort_unstable();
    let distinct = distinct.chunk_by(|one, other| one == other).count();
    ![1, 2, 4, 8, 16].into_iter().any(repeats) && !steps_alike && distinct >= 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MasterKeys;

    const HS256: Algorithm = Algorithm::Hs256;

    fn key(digit: char) -> MasterKey {
        let other = "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddee";
        format!("{other}{digit}{digit}").parse().unwrap()
    }

    #[test]
    fn a_key_that_nobody_drew_at_random_is_refused() {
        let counting = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20".to_owned();
        let few: String = "00112233445566".repeat(5)[..64].to_owned();
        for bad in [
            "0".repeat(64),
            "f".repeat(64),
            "01".repeat(32),
            "0123456789abcdef".repeat(4),
            "00112233445566778899aabbccddeeff".repeat(2),
            counting,
            few,
        ] {
            assert_eq!(bad.parse::<MasterKey>().err(), Some(MasterKeyError::NotRandom), "{bad}");
        }
        for _ in 0..1_000 {
            assert!(MasterKey::generate(&mut rand::rng()).expose_hex().parse::<MasterKey>().is_ok());
        }
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
    fn of_several_keys_each_opens_what_it_has_sealed() {
        let keys = MasterKeys::new(vec![key('a'), key('b')]).unwrap();
        let (id, rng) = (KeyId::from_bytes([1; 16]), &mut rand::rng());
        for digit in ['a', 'b'] {
            assert_eq!(
                **keys.unseal(id, HS256, &key(digit).seal(id, HS256, &[7; 32], rng)).unwrap(),
                [7; 32]
            );
            assert!(keys.with_check(&key(digit).check_value()).is_some());
        }
        assert_eq!(keys.unseal(id, HS256, &key('c').seal(id, HS256, &[7; 32], rng)), Err(UnsealError));
        assert!(keys.with_check(&key('c').check_value()).is_none());
        assert!(MasterKeys::new(Vec::new()).is_none());
    }

    #[test]
    fn hashes_of_secrets_outlive_the_master_key_that_they_hang_on() {
        let client = tollgate_core::ClientId::from_bytes([1; 16]);
        let hash = key('a').secret_hasher().hash(client, b"secret");
        let sealed = key('b').seal_secrets_key(&key('a').secrets_key(), &mut rand::rng());
        let opened = MasterKeys::from(key('b')).unseal_secrets_key(&sealed).unwrap();
        assert!(opened.hasher().hash(client, b"secret").matches(&hash));
        assert!(!key('b').secret_hasher().hash(client, b"secret").matches(&hash));
        assert!(key('a').unseal_secrets_key(&sealed).is_err());
        assert!(key('b').unseal(KeyId::from_bytes([0; 16]), HS256, &sealed).is_err(), "it is no signing key");
    }

    #[test]
    fn an_answer_opens_for_its_request_only() {
        let sealed = key('a').seal_answer(b"request", b"tg_live_secret", &mut rand::rng());
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        let keys = MasterKeys::new(vec![key('b'), key('a')]).unwrap();
        assert_eq!(**keys.unseal_answer(b"request", &sealed).unwrap(), *b"tg_live_secret");
        assert_eq!(keys.unseal_answer(b"another", &sealed), Err(UnsealError));
        assert_eq!(MasterKeys::from(key('b')).unseal_answer(b"request", &sealed), Err(UnsealError));
    }

    #[test]
    fn what_the_console_seals_opens_as_what_it_is_only() {
        let sealed = key('a').seal_console("link", b"ada", &mut rand::rng());
        let keys = MasterKeys::new(vec![key('b'), key('a')]).unwrap();
        assert_eq!(**keys.unseal_console("link", &sealed).unwrap(), *b"ada");
        assert_eq!(keys.unseal_console("session", &sealed), Err(UnsealError));
        assert_eq!(keys.unseal_answer(b"link", &sealed), Err(UnsealError), "it is no answer");
        assert_eq!(MasterKeys::from(key('b')).unseal_console("link", &sealed), Err(UnsealError));
    }

    #[test]
    fn the_key_of_the_trail_outlives_the_master_key_that_it_hangs_on() {
        let link = |key: &TrailKey| key.chain(crate::Link::START, [Some(&b"record"[..])]);
        let sealed = key('b').seal_trail_key(&key('a').trail_key(), &mut rand::rng());
        let opened = MasterKeys::from(key('b')).unseal_trail_key(&sealed).unwrap();
        assert_eq!(link(&opened), link(&key('a').trail_key()));
        assert_ne!(link(&opened), link(&key('b').trail_key()));
        assert!(key('a').unseal_trail_key(&sealed).is_err());
        assert!(key('b').unseal_secrets_key(&sealed).is_err(), "it is not the key of secrets");
    }

    #[test]
    fn the_check_value_tells_master_keys_apart() {
        assert_eq!(key('a').check_value(), key('A').check_value());
        assert_ne!(key('a').check_value(), key('b').check_value());
    }
}
