//! Why a sign-in has failed, in words for operators. None of them contains a secret, a code or a token.

use std::fmt;

use super::document::{Document, LONGEST_ANSWER, PATIENCE};

/// Why somebody could not be signed in by the provider.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// The secret of the console's client can't be read.
    #[error("the client secret can't be read: {0}")]
    Secret(String),
    /// The call failed.
    #[error("{what} can't be had: {why}")]
    Call {
        /// The document that was asked for.
        what: Document,
        /// The cause of the failure.
        why: String,
    },
    /// There was no answer in time.
    #[error("{0} has not come within {wait} s", wait = PATIENCE.as_secs())]
    Late(Document),
    /// The answer's status is not a success.
    #[error("instead of {what} the provider answered with status {status}{}", shown(error.as_ref()))]
    Status {
        /// The document that was asked for.
        what: Document,
        /// The HTTP status.
        status: u16,
        /// The error code, if the answer has one.
        error: Option<ErrorCode>,
    },
    /// The answer is too long.
    #[error("{0} is longer than {LONGEST_ANSWER} bytes")]
    TooLong(Document),
    /// The answer is not what it should be.
    #[error("{0} is not in its form")]
    Malformed(Document),
    /// The discovery document belongs to another provider (OpenID Connect Discovery 1.0 §4.3).
    #[error(
        "the discovery document has another issuer than console.oidc.issuer, which must be the same letter by letter"
    )]
    OtherIssuer,
    /// An endpoint may not be used.
    #[error(
        "the discovery document has an {0} that can't be used: it must be an absolute URL, by https as the issuer"
    )]
    Endpoint(&'static str),
    /// The provider doesn't support PKCE, so that anybody who gets hold of the code could use it.
    #[error("the provider does not offer PKCE by S256 (code_challenge_methods_supported)")]
    NoPkce,
    /// The console can't authenticate.
    #[error(
        "the provider takes neither client_secret_basic nor client_secret_post (token_endpoint_auth_methods_supported)"
    )]
    NoClientAuthentication,
    /// The browser has come back with the answer to another sign-in.
    #[error("the answer has another state than this browser was given")]
    State,
    /// The browser has come back from another provider.
    #[error("the answer names no issuer or another one (RFC 9207)")]
    OtherSender,
    /// The provider has sent the browser back with an error.
    #[error("the provider sent the browser back with the error {0}")]
    Refused(ErrorCode),
    /// The browser has come back without a code.
    #[error("the answer has neither a code nor an error")]
    NoCode,
    /// The provider's answer has no ID token.
    #[error("the token response has no ID token: is openid among the scopes?")]
    NoIdToken,
    /// The ID token is not accepted.
    #[error("the ID token {0}")]
    IdToken(#[from] Flaw),
}

/// Why an ID token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    /// It is not a signed token.
    #[error("is no signed token")]
    Malformed,
    /// Its algorithm is not allowed.
    #[error("is signed by an algorithm that is not allowed")]
    Algorithm,
    /// Its key is unknown.
    #[error("is signed by a key that is not in the provider's key set")]
    Key,
    /// Its signature is wrong.
    #[error("has a wrong signature")]
    Signature,
    /// It was issued by another issuer.
    #[error("has another issuer (iss)")]
    Issuer,
    /// It is for another audience.
    #[error("is not for this client (aud)")]
    Audience,
    /// It was issued to another client.
    #[error("was issued to another client (azp)")]
    AuthorizedParty,
    /// It has expired, or doesn't say when it will.
    #[error("has expired, or does not say when it will (exp)")]
    Expired,
    /// It was issued before the sign-in began, or in the future.
    #[error("was not issued during this sign-in (iat): is a clock wrong?")]
    IssuedAt,
    /// It belongs to another sign-in.
    #[error("belongs to another sign-in (nonce)")]
    Nonce,
    /// It belongs to another access token.
    #[error("belongs to another access token (at_hash)")]
    AccessToken,
    /// It doesn't identify a user.
    #[error("has no subject (sub), or one that is longer than 255 characters")]
    Subject,
    /// It doesn't have the claim with the user's name.
    #[error("has no claim {0:?} that names the user in 1 to 255 characters: see console.oidc.user")]
    User(String),
    /// The provider has not verified the user's address.
    #[error(
        "has an email that the provider does not call verified (email_verified): name another claim in console.oidc.user"
    )]
    UnverifiedEmail,
    /// The groups can't be read.
    #[error("has a claim {0:?} that is neither a text nor an array of texts: see console.oidc.groups")]
    Groups(String),
}

/// What must be done about a [`Problem`], and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The user must begin to sign in again.
    Browser,
    /// The provider refused to sign the user in, or the user refused.
    User,
    /// The provider's answer can't be trusted.
    Answer,
    /// The provider can't be reached, or doesn't match its configuration.
    Provider,
}

impl Problem {
    /// Says what must be done about the problem, and by whom.
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::State | Self::NoCode => Fault::Browser,
            Self::Refused(error) if error.is_of_user() => Fault::User,
            // A code can be used once, and for a minute or so.
            Self::Status { error: Some(error), .. } if error.0 == "invalid_grant" => Fault::Browser,
            Self::OtherSender | Self::IdToken(_) => Fault::Answer,
            Self::Secret(_)
            | Self::Call { .. }
            | Self::Late(_)
            | Self::Status { .. }
            | Self::TooLong(_)
            | Self::Malformed(_)
            | Self::OtherIssuer
            | Self::Endpoint(_)
            | Self::NoPkce
            | Self::NoClientAuthentication
            | Self::Refused(_)
            | Self::NoIdToken => Fault::Provider,
        }
    }
}

/// An error code of OAuth, such as `access_denied` (RFC 6749 §4.1.2.1): text that others wrote, but short and plain enough to be
/// shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorCode(String);

impl ErrorCode {
    const LONGEST: usize = 64;

    pub(super) fn of(text: &str) -> Self {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        let is_code = (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(is_plain);
        Self(if is_code { text } else { "(no error code)" }.to_owned())
    }

    /// Returns the error code in the body of an answer (RFC 6749 §5.2).
    pub(super) fn of_answer(body: &[u8]) -> Option<Self> {
        let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
        answer["error"].as_str().map(Self::of)
    }

    /// Says whether the user or the provider's rules have refused (OpenID Connect Core 1.0 §3.1.2.6).
    fn is_of_user(&self) -> bool {
        [
            "access_denied",
            "login_required",
            "consent_required",
            "interaction_required",
            "account_selection_required",
        ]
        .contains(&self.0.as_str())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn shown(error: Option<&ErrorCode>) -> String {
    error.map_or_else(String::new, |error| format!(" and the error {error}"))
}
