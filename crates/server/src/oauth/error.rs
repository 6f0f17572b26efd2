//! The errors for OAuth clients: the one mapping of errors to the codes of RFC 6749 §5.2.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Response, StatusCode};
use tollgate_core::wire::Code;
use tollgate_http::Realm;
use tollgate_http::refusal::Dialect;

use crate::error::{Error, status};

impl Error {
    /// Returns the answer in a dialect, by a server whose tokens are for `realm`.
    pub(crate) fn response_as<B: From<Bytes>>(self, dialect: Dialect, realm: &Realm) -> Response<B> {
        match dialect {
            Dialect::Envelope => self.response_in(realm),
            Dialect::OAuth => self.oauth_response(),
        }
    }

    /// Returns the answer of RFC 6749 §5.2: `{"error":"…","error_description":"…"}`.
    pub fn oauth_response<B: From<Bytes>>(self) -> Response<B> {
        self.answer(Dialect::OAuth, self.oauth_status(), self.oauth_error(), self.oauth_message())
    }

    /// Returns the error code of RFC 6749 §5.2 or, if that section has none, of §4.1.2.1.
    const fn oauth_error(&self) -> &'static str {
        match self {
            Self::Invalid(_)
            | Self::NotFound
            | Self::NoSuchThing
            | Self::MethodNotAllowed { .. }
            | Self::Timeout
            | Self::BrokenBody
            | Self::TooLarge
            | Self::MediaType { .. } => "invalid_request",
            Self::InvalidClient(_) => "invalid_client",
            Self::InvalidToken(_) | Self::RefreshRefused(_) | Self::AnothersToken => "invalid_grant",
            Self::GrantType(_) => "unsupported_grant_type",
            Self::Scope(_) => "invalid_scope",
            Self::Target(_) => "invalid_target",
            Self::Browser | Self::Address | Self::NotAnOperator | Self::PlainAdministration => {
                "access_denied"
            }
            Self::TooMany { .. }
            | Self::TooManyActs { .. }
            | Self::OverQuota { .. }
            | Self::Store(_)
            | Self::NoSigningKey
            | Self::NoRandomBytes
            | Self::Stale
            | Self::SlowHashesBusy
            | Self::NotReady(_) => "temporarily_unavailable",
            // Administration has no endpoints in this dialect.
            Self::TokenTooLong | Self::Admin(_) | Self::Internal(_) => "server_error",
        }
    }

    /// Returns the HTTP status: that of the envelope, except for a refused token. 401 would say that the client failed to
    /// authenticate (RFC 6749 §5.2).
    fn oauth_status(&self) -> StatusCode {
        match self.code() {
            Code::InvalidToken => StatusCode::BAD_REQUEST,
            code => status(code),
        }
    }

    /// Returns the description for the developer of the client, for errors that concern no part of the request.
    fn oauth_message(&self) -> Cow<'static, str> {
        match self.code() {
            Code::InvalidToken => {
                "The token is malformed, expired or revoked, or was issued to another client.".into()
            }
            Code::OutcomeUnknown => {
                "Whether this was done is not known: the answer of the store was lost. Repeat the request."
                    .into()
            }
            _ => self.message(),
        }
    }
}
