//! What a refusal looks like to an OAuth client: the one place where errors become answers of RFC 6749 §5.2.

use std::fmt::Write;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::{HeaderValue, Response, StatusCode};
use tollgate_core::wire::Code;
use tollgate_http::Problems;

use crate::error::{Error, Refusal};

impl Error {
    /// The answer as RFC 6749 §5.2 has it: `{"error":"…","error_description":"…"}`.
    pub fn oauth_response<B: From<Bytes>>(self) -> Response<B> {
        let (error, description) = (self.oauth_error(), self.oauth_description());
        let body = format!(r#"{{"error":"{error}","error_description":"{description}"}}"#);
        let mut response = Response::new(B::from(Bytes::from(body)));
        *response.status_mut() = self.oauth_status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        self.add_headers(headers);
        response.extensions_mut().insert(Refusal::from(&self));
        response
    }

    /// Its code: of RFC 6749 §5.2, or, where that section has no word for it, of §4.1.2.1.
    const fn oauth_error(&self) -> &'static str {
        match self {
            Self::Invalid(_)
            | Self::NotFound
            | Self::PaymentRequestNotFound
            | Self::MerchantNotFound
            | Self::MethodNotAllowed { .. }
            | Self::Timeout
            | Self::BrokenBody
            | Self::TooLarge
            | Self::MediaType { .. }
            | Self::InProgress
            | Self::KeyReused
            | Self::Decided
            | Self::PageExpired => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidToken(_) | Self::RefreshRefused | Self::AnothersToken => "invalid_grant",
            Self::GrantType(_) => "unsupported_grant_type",
            Self::Scope(_) => "invalid_scope",
            Self::Browser | Self::Address => "access_denied",
            Self::TooMany { .. }
            | Self::Store(_)
            | Self::IdempotencyStore(_)
            | Self::NoSigningKey
            | Self::Stale
            | Self::NotReady(_) => "temporarily_unavailable",
            Self::TokenTooLong | Self::Internal(_) => "server_error",
        }
    }

    /// The status is the one that it has everywhere, but for a token that was presented to be exchanged or revoked: 401
    /// would say that the client has not proved itself (RFC 6749 §5.2).
    fn oauth_status(&self) -> StatusCode {
        match self.code() {
            Code::InvalidToken => StatusCode::BAD_REQUEST,
            code => StatusCode::from_u16(code.status()).expect("codes have valid statuses"),
        }
    }

    /// What the developer at the other end is told, in the characters that RFC 6749 §5.2 permits.
    fn oauth_description(&self) -> String {
        match (self.problems(), self.code()) {
            (Some(problems), _) => described(&problems),
            (None, Code::InvalidToken) => {
                "The token is malformed, expired or revoked, or was issued to another client.".to_owned()
            }
            (None, Code::OutcomeUnknown) => {
                "Whether this was done is not known: the answer of the store was lost. Repeat the request."
                    .to_owned()
            }
            (None, _) => permitted(&self.message()).collect(),
        }
    }
}

/// Puts all problems in one text. A field can be a name that the caller made up: of a long one the beginning is told.
fn described(problems: &Problems) -> String {
    const LONGEST: usize = 64;
    let mut text = String::new();
    for problem in problems {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.extend(permitted(&problem.field).take(LONGEST));
        let _ = write!(text, " {}", permitted(&problem.message).collect::<String>());
    }
    text
}

/// `%x20-21 / %x23-5B / %x5D-7E`, so that nothing needs escaping either; anything else becomes a question mark.
fn permitted(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '?' })
}
