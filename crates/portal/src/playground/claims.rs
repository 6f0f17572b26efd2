//! A decoded token: header and claims, each explained.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use tollgate_core::{Environment, Timestamp};

use crate::time_format::utc;

/// A token without its signature.
pub(super) struct Decoded {
    /// The first segment, as it is sent, which holds the header.
    pub(super) header_segment: String,
    /// The second segment, which holds the claims.
    pub(super) payload_segment: String,
    pub(super) header: Vec<Member>,
    pub(super) claims: Vec<Member>,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
    /// The token's id, its claim `jti`.
    pub(super) id: String,
}

/// A member of the header or the claims.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) value: String,
    /// The value in other words, if it is a number of seconds.
    pub(super) spelled: Option<String>,
    pub(super) meaning: &'static str,
}

impl Decoded {
    /// Decodes a token of this authority; `None` for any other text.
    pub(super) fn of(token: &str) -> Option<Self> {
        let mut segments = token.split('.');
        let (header_segment, payload_segment) = (segments.next()?, segments.next()?);
        let (header, claims) = (object(header_segment)?, object(payload_segment)?);
        let time = |name: &str| claims.get(name)?.as_u64().map(Timestamp::from_seconds);
        Some(Self {
            issued_at: time("iat")?,
            expires_at: time("exp")?,
            id: claims.get("jti")?.as_str()?.to_owned(),
            header: header.iter().map(|(name, value)| Member::of(name, value)).collect(),
            claims: claims.iter().map(|(name, value)| Member::of(name, value)).collect(),
            header_segment: header_segment.to_owned(),
            payload_segment: payload_segment.to_owned(),
        })
    }
}

impl Decoded {
    /// Returns the environment that the token is for.
    pub(super) fn environment(&self) -> Option<Environment> {
        let claim = self.claims.iter().find(|claim| claim.name == "env")?;
        claim.value.trim_matches('"').parse().ok()
    }
}

impl Member {
    fn of(name: &str, value: &Value) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_string(),
            spelled: value.as_u64().map(|seconds| utc(Timestamp::from_seconds(seconds))),
            meaning: meaning(name),
        }
    }
}

fn object(segment: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).ok()?).ok()
}

fn meaning(name: &str) -> &'static str {
    match name {
        "alg" => "How it is signed. Never read: the header as a whole must be one that is known beforehand.",
        "typ" => "What it is: a JSON Web Token (RFC 7519).",
        "kid" => "Which key has signed it.",
        "iss" => "Who issued it: the public URL of this authority.",
        "sub" => "The client that it was issued to.",
        "aud" => "The API that it is for. Another API must refuse it.",
        "iat" => "When it was issued, in seconds since 1970.",
        "exp" => "From when on it is refused.",
        "jti" => "Its own name, of 128 random bits. Revoking the token names it.",
        "scope" => "What it allows, a word each.",
        "merchant_id" => "The merchant that it acts for, and whose payments it sees.",
        "env" => "Whether it moves money: test or live. This sandbox takes test only.",
        "sid" => "The secret that it was obtained with. Revoking that secret ends the token, too.",
        "net" => "The networks that it may be used from.",
        _ => "",
    }
}
