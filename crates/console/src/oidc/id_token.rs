//! Verifying an ID token (OpenID Connect Core 1.0 §3.1.3.7): a list of rules, each of which can only refuse.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha384, Sha512};
use tollgate_core::{Timestamp, constant_time};

use super::keys::KeySet;
use super::problem::Flaw;

/// How far the clock of the provider may be from this server's.
const LEEWAY: Duration = Duration::from_secs(60);

/// An algorithm that is accepted for signatures.
struct Accepted {
    name: &'static str,
    algorithm: Algorithm,
    /// The algorithm's hash function, with which the token's other hashes are made as well.
    hash: fn(&str) -> Vec<u8>,
}

/// The accepted algorithms. Only the holder of a private key can make their signatures: the public key or the client's secret is not
/// enough.
const ACCEPTED: [Accepted; 9] = [
    accepted("RS256", Algorithm::RS256, hash::<Sha256>),
    accepted("RS384", Algorithm::RS384, hash::<Sha384>),
    accepted("RS512", Algorithm::RS512, hash::<Sha512>),
    accepted("PS256", Algorithm::PS256, hash::<Sha256>),
    accepted("PS384", Algorithm::PS384, hash::<Sha384>),
    accepted("PS512", Algorithm::PS512, hash::<Sha512>),
    accepted("ES256", Algorithm::ES256, hash::<Sha256>),
    accepted("ES384", Algorithm::ES384, hash::<Sha384>),
    // On the curve Ed25519 (RFC 8032 §5.1).
    accepted("EdDSA", Algorithm::EdDSA, hash::<Sha512>),
];

const fn accepted(name: &'static str, algorithm: Algorithm, hash: fn(&str) -> Vec<u8>) -> Accepted {
    Accepted { name, algorithm, hash }
}

fn hash<D: Digest>(text: &str) -> Vec<u8> {
    D::digest(text).to_vec()
}

/// The claims of a token.
pub(super) type Claims = Map<String, Value>;

/// The values that an ID token must have.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    /// The algorithms that the provider says it uses; `None` if it doesn't say.
    pub(super) algorithms: Option<&'a [String]>,
    pub(super) nonce: &'a str,
    /// The access token that came with the ID token.
    pub(super) access_token: Option<&'a str>,
    /// When the sign-in began.
    pub(super) begun_at: Timestamp,
    pub(super) now: Timestamp,
}

/// Verifies an ID token, and returns its claims.
pub(super) fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Claims, Flaw> {
    let header = decode_header(token).map_err(|_| Flaw::Malformed)?;
    let way = accepted_way(&header, expected)?;
    let claims = signed_claims(token, &header, keys)?;
    check_issuer(&claims, expected)?;
    check_audience(&claims, expected)?;
    check_times(&claims, expected)?;
    check_nonce(&claims, expected)?;
    check_access_token(&claims, way, expected)?;
    Ok(claims)
}

fn accepted_way(header: &Header, expected: &Expected<'_>) -> Result<&'static Accepted, Flaw> {
    let way = ACCEPTED.iter().find(|way| way.algorithm == header.alg).ok_or(Flaw::Algorithm)?;
    let is_announced = |algorithms: &[String]| algorithms.iter().any(|known| known == way.name);
    if expected.algorithms.is_none_or(is_announced) { Ok(way) } else { Err(Flaw::Algorithm) }
}

/// Returns the claims of a token, if one of the keys has signed it. They are checked here and not by the library, because of the store's
/// clock.
fn signed_claims(token: &str, header: &Header, keys: &KeySet) -> Result<Claims, Flaw> {
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let candidates = keys.candidates(header.kid.as_deref(), header.alg);
    if candidates.is_empty() {
        return Err(Flaw::Key);
    }
    let verified = candidates.iter().find_map(|key| decode::<Claims>(token, key, &validation).ok());
    verified.map(|token| token.claims).ok_or(Flaw::Signature)
}

fn check_issuer(claims: &Claims, expected: &Expected<'_>) -> Result<(), Flaw> {
    if text(claims, "iss") == Some(expected.issuer) { Ok(()) } else { Err(Flaw::Issuer) }
}

/// Checks the audience: this client must be in it, and if others are, too, this client must be the authorized party.
fn check_audience(claims: &Claims, expected: &Expected<'_>) -> Result<(), Flaw> {
    let (is_ours, is_ours_alone) = match claims.get("aud") {
        Some(Value::String(audience)) => (audience == expected.client_id, true),
        Some(Value::Array(audiences)) => {
            let is_ours = audiences.iter().any(|audience| audience == expected.client_id);
            (is_ours && audiences.iter().all(Value::is_string), audiences.len() == 1)
        }
        _ => (false, false),
    };
    if !is_ours {
        return Err(Flaw::Audience);
    }
    match claims.get("azp") {
        None if is_ours_alone => Ok(()),
        Some(party) if party == expected.client_id => Ok(()),
        _ => Err(Flaw::AuthorizedParty),
    }
}

/// Checks the times: the token must be valid now, and issued after the sign-in began.
fn check_times(claims: &Claims, expected: &Expected<'_>) -> Result<(), Flaw> {
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).filter(|seconds| *seconds > 0.0);
    let seconds = |time: Timestamp| Duration::from_millis(time.millis()).as_secs_f64();
    let expires_at = time("exp").ok_or(Flaw::Expired)?;
    if expires_at <= seconds(expected.now.before(LEEWAY)) {
        return Err(Flaw::Expired);
    }
    let issued_at = time("iat").ok_or(Flaw::IssuedAt)?;
    let (earliest, latest) = (expected.begun_at.before(LEEWAY), expected.now.after(LEEWAY));
    if issued_at < seconds(earliest) || issued_at > seconds(latest) {
        return Err(Flaw::IssuedAt);
    }
    let begins_at = claims.get("nbf").map(|_| time("nbf").ok_or(Flaw::IssuedAt)).transpose()?;
    if begins_at.is_some_and(|begins_at| begins_at > seconds(latest)) { Err(Flaw::IssuedAt) } else { Ok(()) }
}

fn check_nonce(claims: &Claims, expected: &Expected<'_>) -> Result<(), Flaw> {
    let nonce = text(claims, "nonce").unwrap_or_default();
    if constant_time::equal(nonce.as_bytes(), expected.nonce.as_bytes()) { Ok(()) } else { Err(Flaw::Nonce) }
}

/// Checks the access token's hash: if the ID token has one, it must be the hash of the access token that came with it (§3.1.3.8).
fn check_access_token(claims: &Claims, way: &Accepted, expected: &Expected<'_>) -> Result<(), Flaw> {
    let Some(claimed) = claims.get("at_hash") else { return Ok(()) };
    let is_same = expected.access_token.is_some_and(|token| {
        let hash = (way.hash)(token);
        // Only the left half of the hash.
        *claimed == URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2])
    });
    if is_same { Ok(()) } else { Err(Flaw::AccessToken) }
}

fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}
