//! The two dialects in which the endpoints are spoken to, and what differs between them beside the requests.

use bytes::Bytes;
use http::Response;
use tollgate_guard::Realm;

use crate::error::Error;

/// A dialect of the endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// Below `/api/v1`: requests in JSON or a form, answers in the envelope of the Payment API.
    Api,
    /// Below `/oauth2` and `/.well-known`: requests and answers as the RFCs have them, as OAuth libraries know it.
    Standard,
}

impl Face {
    /// The answer to a request that is refused, by a server whose tokens are for `realm`.
    pub(crate) fn refuse<B: From<Bytes>>(self, error: Error, realm: &Realm) -> Response<B> {
        match self {
            Self::Api => error.response_in(realm),
            Self::Standard => error.oauth_response(),
        }
    }

    /// What stands before and behind the members of an answer with tokens.
    pub(super) const fn brackets(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Api => (b"{\"success\":true,\"data\":{", b"}}"),
            Self::Standard => (b"{", b"}"),
        }
    }
}
