//! The private keys of the asymmetric algorithms.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};
use tollgate_core::{Algorithm, PublicKey};
use zeroize::Zeroizing;

/// A private key of an asymmetric algorithm, ready for use.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Ps256(RsaKeyPair),
    Rs256(RsaKeyPair),
}

/// The length of an RSA key's modulus. A longer one makes slower signatures and longer tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaBits {
    /// A modulus of 2048 bits.
    Bits2048,
    /// A modulus of 3072 bits.
    Bits3072,
}

/// Why a private key can't be made or read. It contains no part of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// The algorithm has no private key.
    #[error("HS256 has no private key")]
    Symmetric,
    /// The bytes are not a PKCS #8 document with such a key.
    #[error("not a private key of its algorithm")]
    Invalid,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    NoRandomBytes,
}

impl PrivateKey {
    /// Draws a key. An RSA key takes up to a few seconds; the others are made at once.
    pub fn generate(algorithm: Algorithm, rsa: RsaBits) -> Result<Self, PrivateKeyError> {
        let no_random_bytes = |_| PrivateKeyError::NoRandomBytes;
        let rsa_pair = || RsaKeyPair::generate(rsa.size()).map_err(no_random_bytes);
        let pair = match algorithm {
            Algorithm::Hs256 => return Err(PrivateKeyError::Symmetric),
            Algorithm::Es256 => Pair::Es256(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(no_random_bytes)?,
            ),
            Algorithm::EdDsa => Pair::EdDsa(Ed25519KeyPair::generate().map_err(no_random_bytes)?),
            Algorithm::Ps256 => Pair::Ps256(rsa_pair()?),
            Algorithm::Rs256 => Pair::Rs256(rsa_pair()?),
        };
        Self::of(pair)
    }

    /// Reads the PKCS #8 document (RFC 5208) that [`PrivateKey::to_pkcs8`] writes.
    pub fn from_pkcs8(algorithm: Algorithm, document: &[u8]) -> Result<Self, PrivateKeyError> {
        let invalid = |_| PrivateKeyError::Invalid;
        let rsa = || RsaKeyPair::from_pkcs8(document).map_err(invalid);
        let pair = match algorithm {
            Algorithm::Hs256 => return Err(PrivateKeyError::Symmetric),
            Algorithm::Es256 => Pair::Es256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document).map_err(invalid)?,
            ),
            Algorithm::EdDsa => Pair::EdDsa(Ed25519KeyPair::from_pkcs8(document).map_err(invalid)?),
            Algorithm::Ps256 => Pair::Ps256(rsa()?),
            Algorithm::Rs256 => Pair::Rs256(rsa()?),
        };
        Self::of(pair)
    }

    fn of(pair: Pair) -> Result<Self, PrivateKeyError> {
        let (algorithm, public) = match &pair {
            Pair::Es256(pair) => (Algorithm::Es256, pair.public_key().as_ref()),
            Pair::EdDsa(pair) => (Algorithm::EdDsa, pair.public_key().as_ref()),
            Pair::Ps256(pair) => (Algorithm::Ps256, pair.public_key().as_ref()),
            Pair::Rs256(pair) => (Algorithm::Rs256, pair.public_key().as_ref()),
        };
        let public = PublicKey::from_bytes(algorithm, public).map_err(|_| PrivateKeyError::Invalid)?;
        Ok(Self { pair, public })
    }

    /// Writes the key as a PKCS #8 document (RFC 5208), to be sealed.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
        let document = match &self.pair {
            Pair::Es256(pair) => pair.to_pkcs8v1().map(|document| document.as_ref().to_vec()),
            Pair::EdDsa(pair) => pair.to_pkcs8().map(|document| document.as_ref().to_vec()),
            Pair::Ps256(pair) | Pair::Rs256(pair) => pair.as_der().map(|document| document.as_ref().to_vec()),
        };
        document.map(Zeroizing::new).map_err(|_| PrivateKeyError::Invalid)
    }

    /// Returns the key that verifies what this one signs.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Writes the signature of `message` into a buffer of its length. Returns `false` if the system gave no
    /// random bytes.
    #[must_use]
    pub(crate) fn sign(&self, message: &[u8], signature: &mut [u8]) -> bool {
        let rsa = |pair: &RsaKeyPair, encoding: &'static dyn RsaEncoding, signature: &mut [u8]| {
            pair.sign(encoding, &SystemRandom::new(), message, signature)
        };
        let signed = match &self.pair {
            Pair::Es256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signed| signature.copy_from_slice(signed.as_ref())),
            Pair::EdDsa(pair) => {
                pair.try_sign(message).map(|signed| signature.copy_from_slice(signed.as_ref()))
            }
            Pair::Ps256(pair) => rsa(pair, &RSA_PSS_SHA256, signature),
            Pair::Rs256(pair) => rsa(pair, &RSA_PKCS1_SHA256, signature),
        };
        signed.is_ok()
    }
}

impl RsaBits {
    /// Every length, the shortest first.
    pub const ALL: [Self; 2] = [Self::Bits2048, Self::Bits3072];

    /// Returns the number of bits.
    pub const fn bits(self) -> u16 {
        match self {
            Self::Bits2048 => 2048,
            Self::Bits3072 => 3072,
        }
    }

    const fn size(self) -> KeySize {
        match self {
            Self::Bits2048 => KeySize::Rsa2048,
            Self::Bits3072 => KeySize::Rsa3072,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_document_and_is_read_as_no_other_kind() {
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_asymmetric()) {
            let key = PrivateKey::generate(algorithm, RsaBits::Bits2048).unwrap();
            let document = key.to_pkcs8().unwrap();
            let again = PrivateKey::from_pkcs8(algorithm, &document).unwrap();
            assert_eq!(again.public_key(), key.public_key());
            let mut signature = vec![0; key.public_key().signature_len()];
            assert!(again.sign(b"a message", &mut signature));
            assert!(key.public_key().verifies(b"a message", &signature), "{algorithm}");
            assert!(!key.public_key().verifies(b"another", &signature), "{algorithm}");
            let is_rsa = |algorithm| matches!(algorithm, Algorithm::Ps256 | Algorithm::Rs256);
            for other in Algorithm::ALL {
                let is_same_kind = other == algorithm || (is_rsa(other) && is_rsa(algorithm));
                assert_eq!(PrivateKey::from_pkcs8(other, &document).is_ok(), is_same_kind);
            }
            assert!(PrivateKey::from_pkcs8(algorithm, &document[1..]).is_err());
        }
    }

    #[test]
    fn hs256_has_no_private_key() {
        let made = PrivateKey::generate(Algorithm::Hs256, RsaBits::Bits2048);
        assert_eq!(made.err(), Some(PrivateKeyError::Symmetric));
    }
}
