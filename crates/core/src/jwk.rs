//! Public keys in their published form: JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::public_key::{Parts, PublicKey};

/// A public key as a JSON Web Key. Other members are ignored (RFC 7517 §4).
///
/// There is no member for anything secret: a symmetric key can't be written, and none is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk<'a> {
    /// The kind of key: `EC`, `OKP` or `RSA`.
    pub kty: Cow<'a, str>,
    /// The purpose of the key: `sig`.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Cow<'a, str>>,
    /// The algorithm that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<Cow<'a, str>>,
    /// The key's id, as tokens name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<Cow<'a, str>>,
    /// The curve: `P-256` or `Ed25519`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<Cow<'a, str>>,
    /// The first coordinate of a point, or the whole of a compressed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<Cow<'a, str>>,
    /// The second coordinate of a point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<Cow<'a, str>>,
    /// The modulus of an RSA key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<Cow<'a, str>>,
    /// The exponent of an RSA key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<Cow<'a, str>>,
}

/// Why a JSON Web Key can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// The key is symmetric: anybody who reads it could make tokens.
    #[error("a symmetric key is published: whoever reads it can make tokens")]
    Symmetric,
    /// The key has a kind, a use, or an algorithm that is not implemented. Other verifiers may know it (RFC 7517 §5).
    #[error("a key of this kind or algorithm is not used")]
    Unsupported,
    /// The key is damaged.
    #[error("not a public key of its algorithm")]
    Invalid,
}

impl Jwk<'static> {
    /// Writes `key` under the id `kid`.
    pub fn of(key: &PublicKey, kid: String) -> Self {
        let text = |bytes: &[u8]| Some(encoded(bytes).into());
        let empty = Self {
            kty: "".into(),
            purpose: Some("sig".into()),
            alg: Some(key.algorithm().as_str().into()),
            kid: Some(kid.into()),
            crv: None,
            x: None,
            y: None,
            n: None,
            e: None,
        };
        match key.parts() {
            Parts::P256 { x, y } => {
                Self { kty: "EC".into(), crv: Some("P-256".into()), x: text(x), y: text(y), ..empty }
            }
            Parts::Ed25519 { x } => {
                Self { kty: "OKP".into(), crv: Some("Ed25519".into()), x: text(x), ..empty }
            }
            Parts::Rsa { n, e } => Self { kty: "RSA".into(), n: text(n), e: text(e), ..empty },
        }
    }
}

impl Jwk<'_> {
    /// Reads the key. It must name its algorithm: a key for several algorithms would let a token choose.
    pub fn public_key(&self) -> Result<PublicKey, JwkError> {
        if self.kty == "oct" {
            return Err(JwkError::Symmetric);
        }
        if self.purpose.as_ref().is_some_and(|purpose| purpose != "sig") {
            return Err(JwkError::Unsupported);
        }
        let name = self.alg.as_deref().ok_or(JwkError::Unsupported)?;
        let algorithm: Algorithm = name.parse().map_err(|_| JwkError::Unsupported)?;
        let parts = match (algorithm, &*self.kty, self.crv.as_deref()) {
            (Algorithm::Es256, "EC", Some("P-256")) => {
                Parts::P256 { x: coordinate(self.x.as_ref())?, y: coordinate(self.y.as_ref())? }
            }
            (Algorithm::EdDsa, "OKP", Some("Ed25519")) => Parts::Ed25519 { x: coordinate(self.x.as_ref())? },
            (Algorithm::Ps256 | Algorithm::Rs256, "RSA", _) => {
                Parts::Rsa { n: number(self.n.as_ref())?, e: number(self.e.as_ref())? }
            }
            (
                Algorithm::Hs256 | Algorithm::Es256 | Algorithm::EdDsa | Algorithm::Ps256 | Algorithm::Rs256,
                _,
                _,
            ) => return Err(JwkError::Invalid),
        };
        PublicKey::of(algorithm, parts).map_err(|_| JwkError::Invalid)
    }
}

fn encoded(bytes: &[u8]) -> String {
    let mut text = vec![0; base64url::encoded_len(bytes.len())];
    base64url::encode(bytes, &mut text);
    String::from_utf8(text).expect("base64url is ASCII")
}

fn number(text: Option<&Cow<'_, str>>) -> Result<Vec<u8>, JwkError> {
    let text = text.ok_or(JwkError::Invalid)?;
    let mut bytes = vec![0; text.len()];
    let read = base64url::decode(text.as_bytes(), &mut bytes).ok_or(JwkError::Invalid)?;
    Ok(read.to_vec())
}

fn coordinate(text: Option<&Cow<'_, str>>) -> Result<[u8; 32], JwkError> {
    number(text)?.try_into().map_err(|_| JwkError::Invalid)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
    };

    use super::*;

    /// Returns the public part of a new key.
    fn drawn(algorithm: Algorithm) -> Vec<u8> {
        match algorithm {
            Algorithm::Hs256 => panic!("it has no public key"),
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
                pair.public_key().as_ref().to_vec()
            }
            Algorithm::EdDsa => Ed25519KeyPair::generate().unwrap().public_key().as_ref().to_vec(),
            Algorithm::Ps256 | Algorithm::Rs256 => {
                RsaKeyPair::generate(KeySize::Rsa2048).unwrap().public_key().as_ref().to_vec()
            }
        }
    }

    fn published(algorithm: Algorithm) -> (PublicKey, Jwk<'static>) {
        let key = PublicKey::from_bytes(algorithm, &drawn(algorithm)).unwrap();
        let jwk = Jwk::of(&key, "1".to_owned());
        (key, jwk)
    }

    fn asymmetric() -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_asymmetric())
    }

    #[test]
    fn a_key_comes_back_from_what_is_published() {
        for algorithm in asymmetric() {
            let (key, jwk) = published(algorithm);
            let json = serde_json::to_string(&jwk).unwrap();
            assert_eq!(serde_json::from_str::<Jwk<'_>>(&json).unwrap().public_key(), Ok(key), "{json}");
            assert!(json.contains(&format!(r#""alg":"{algorithm}""#)), "{json}");
        }
    }

    #[test]
    fn the_examples_of_the_rfcs_are_read() {
        // RFC 7517 §A.1 and RFC 8037 §A.2, with the algorithm named.
        for (algorithm, json) in [
            (
                Algorithm::Es256,
                r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
                    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","alg":"ES256","kid":"1"}"#,
            ),
            (
                Algorithm::EdDsa,
                r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"EdDSA"}"#,
            ),
        ] {
            let key = serde_json::from_str::<Jwk<'_>>(json).unwrap().public_key().unwrap();
            assert_eq!(key.algorithm(), algorithm);
        }
    }

    #[test]
    fn what_is_no_public_key_for_signatures_is_refused() {
        let secret = r#"{"kty":"oct","alg":"HS256","k":"AAAA"}"#;
        assert_eq!(serde_json::from_str::<Jwk<'_>>(secret).unwrap().public_key(), Err(JwkError::Symmetric));
        for algorithm in asymmetric() {
            let (_, jwk) = published(algorithm);
            for alg in [None, Some("HS256"), Some("none"), Some("ES512")] {
                let other = Jwk { alg: alg.map(Into::into), ..jwk.clone() };
                assert!(other.public_key().is_err(), "{algorithm} as {alg:?}");
            }
            let encrypting = Jwk { purpose: Some("enc".into()), ..jwk.clone() };
            assert_eq!(encrypting.public_key(), Err(JwkError::Unsupported));
            for damaged in [
                Jwk { x: None, n: None, ..jwk.clone() },
                Jwk { x: Some("AA".into()), n: Some("AA".into()), ..jwk.clone() },
                Jwk { x: Some("!".into()), n: Some("!".into()), ..jwk.clone() },
                Jwk { crv: Some("P-384".into()), kty: "EC".into(), ..jwk.clone() },
            ] {
                assert_eq!(damaged.public_key(), Err(JwkError::Invalid), "{algorithm} {damaged:?}");
            }
        }
        let (_, jwk) = published(Algorithm::Es256);
        let off_the_curve = Jwk { y: jwk.x.clone(), ..jwk };
        assert_eq!(off_the_curve.public_key(), Err(JwkError::Invalid));
    }
}
