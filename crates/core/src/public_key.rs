//! The public keys of the asymmetric algorithms.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::PublicKey as RsaPublicKey;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents,
};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::algorithm::Algorithm;

/// A public key of an asymmetric algorithm, ready for use. It is not secret.
#[derive(Clone)]
pub struct PublicKey {
    algorithm: Algorithm,
    parts: Parts,
    parsed: ParsedPublicKey,
}

/// The numbers that make up a public key, big-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parts {
    /// A point of the curve P-256.
    P256 { x: [u8; 32], y: [u8; 32] },
    /// A point of the curve Ed25519, compressed (RFC 8032 §5.1.2).
    Ed25519 { x: [u8; 32] },
    /// The modulus and the exponent of an RSA key.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

/// The error for bytes that are not a public key of the algorithm, or whose length is not accepted: RSA keys have 2048 to
/// 4096 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public key of its algorithm")]
pub struct PublicKeyError;

/// The number of bytes of the longest signature of any algorithm.
pub const LONGEST_SIGNATURE: usize = 512;
/// The lengths of an RSA modulus that are accepted, in bytes.
const RSA_MODULUS: std::ops::RangeInclusive<usize> = 256..=LONGEST_SIGNATURE;
/// The first byte of a point that is not compressed (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

impl PublicKey {
    /// Reads the library's format: a point that is not compressed, an Ed25519 key (RFC 8032 §5.1.5), or an
    /// `RSAPublicKey` (RFC 8017 §A.1.1).
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let parts = match algorithm {
            Algorithm::Hs256 => return Err(PublicKeyError),
            Algorithm::Es256 => {
                let point: &[u8; 65] = bytes.try_into().map_err(|_| PublicKeyError)?;
                let (first, coordinates) = point.split_first().ok_or(PublicKeyError)?;
                let (x, y) = coordinates.split_at(32);
                if *first != UNCOMPRESSED {
                    return Err(PublicKeyError);
                }
                Parts::P256 { x: array(x)?, y: array(y)? }
            }
            Algorithm::EdDsa => Parts::Ed25519 { x: array(bytes)? },
            Algorithm::Ps256 | Algorithm::Rs256 => {
                let key = RsaPublicKey::from_der(bytes).map_err(|_| PublicKeyError)?;
                Parts::Rsa {
                    n: key.modulus().big_endian_without_leading_zero().to_vec(),
                    e: key.exponent().big_endian_without_leading_zero().to_vec(),
                }
            }
        };
        Self::of(algorithm, parts)
    }

    /// Makes a key from its parts, and checks that it is valid: a point on its curve, a modulus of an accepted length.
    pub(crate) fn of(algorithm: Algorithm, parts: Parts) -> Result<Self, PublicKeyError> {
        let parsed = match (algorithm, &parts) {
            (Algorithm::Es256, Parts::P256 { x, y }) => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[UNCOMPRESSED][..], x, y].concat())
            }
            (Algorithm::EdDsa, Parts::Ed25519 { x }) => ParsedPublicKey::new(&ED25519, x),
            (Algorithm::Ps256, Parts::Rsa { n, e }) => {
                return Self::rsa(algorithm, n, e, &RSA_PSS_2048_8192_SHA256);
            }
            (Algorithm::Rs256, Parts::Rsa { n, e }) => {
                return Self::rsa(algorithm, n, e, &RSA_PKCS1_2048_8192_SHA256);
            }
            (
                Algorithm::Hs256 | Algorithm::Es256 | Algorithm::EdDsa | Algorithm::Ps256 | Algorithm::Rs256,
                Parts::P256 { .. } | Parts::Ed25519 { .. } | Parts::Rsa { .. },
            ) => return Err(PublicKeyError),
        };
        Ok(Self { algorithm, parts, parsed: parsed.map_err(|_| PublicKeyError)? })
    }

    fn rsa(
        algorithm: Algorithm,
        n: &[u8],
        e: &[u8],
        parameters: &'static RsaParameters,
    ) -> Result<Self, PublicKeyError> {
        if !RSA_MODULUS.contains(&n.len()) || n.first() == Some(&0) {
            return Err(PublicKeyError);
        }
        let parsed = RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters);
        let parts = Parts::Rsa { n: n.to_vec(), e: e.to_vec() };
        Ok(Self { algorithm, parts, parsed: parsed.map_err(|_| PublicKeyError)? })
    }

    /// Writes it as a `SubjectPublicKeyInfo` (RFC 5280 §4.1) in PEM (RFC 7468 §13).
    pub fn to_pem(&self) -> String {
        let der = self.parsed.as_der().expect("a key that was read can be written");
        let text = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.extend(line.iter().map(|byte| char::from(*byte)));
            pem.push('\n');
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        pem
    }

    /// Returns the algorithm of the signatures that it verifies.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) const fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Returns the number of bytes of a signature that it verifies.
    #[inline]
    pub fn signature_len(&self) -> usize {
        match &self.parts {
            Parts::P256 { .. } | Parts::Ed25519 { .. } => 64,
            Parts::Rsa { n, .. } => n.len(),
        }
    }

    /// Says whether `signature` is the signature of `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.parts == other.parts
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

fn array(bytes: &[u8]) -> Result<[u8; 32], PublicKeyError> {
    bytes.try_into().map_err(|_| PublicKeyError)
}
