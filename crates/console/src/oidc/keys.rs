//! The keys with which a provider signs (RFC 7517).

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// The keys of a provider.
#[derive(Deserialize)]
pub(super) struct KeySet {
    keys: Vec<Value>,
}

impl KeySet {
    /// Returns the keys that may have signed a token whose header names this key id and this algorithm. Keys of unknown kinds
    /// are ignored.
    pub(super) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
        let keys = self.keys.iter().filter_map(|key| Jwk::deserialize(key).ok());
        let candidates = keys.filter(|key| {
            // A token without a key id may be signed by any key (RFC 7515 §4.1.4); a token with a key id by that key only.
            (id.is_none() || key.common.key_id.as_deref() == id) && may_sign(key, algorithm)
        });
        candidates.filter_map(|key| DecodingKey::from_jwk(&key).ok()).collect()
    }
}

/// Says whether a key is for signatures of this algorithm. Its kind is checked first, so that a public RSA key is never used as a secret
/// of HMAC.
fn may_sign(key: &Jwk, algorithm: Algorithm) -> bool {
    let is_of_kind = match &key.algorithm {
        AlgorithmParameters::RSA(_) => matches!(
            algorithm,
            Algorithm::RS256
                | Algorithm::RS384
                | Algorithm::RS512
                | Algorithm::PS256
                | Algorithm::PS384
                | Algorithm::PS512
        ),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => algorithm == Algorithm::ES256,
            EllipticCurve::P384 => algorithm == Algorithm::ES384,
            _ => false,
        },
        AlgorithmParameters::OctetKeyPair(key) => {
            key.curve == EllipticCurve::Ed25519 && algorithm == Algorithm::EdDSA
        }
        _ => false,
    };
    let is_of_algorithm = key.common.key_algorithm.is_none_or(|own| own == KeyAlgorithm::from(algorithm));
    let is_for_signatures =
        key.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let may_verify = |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
    is_of_kind
        && is_of_algorithm
        && is_for_signatures
        && key.common.key_operations.as_ref().is_none_or(may_verify)
}
