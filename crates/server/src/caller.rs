//! The sender of a request, as far as it is known when the answer is sent: for the log and the table of refusals, never for a decision.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use serde::Deserialize;
use tollgate_core::{Claims, ClientId, MAX_TOKEN, MerchantId, SecretId, TokenError, TokenId};
use tollgate_guard::{Denial, Principal};
use tollgate_installation::Registered;
use tollgate_log::Sender;

use crate::error::Error;

/// The sender of a request, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller {
    /// The client that the request names, which may be any.
    pub claimed: Option<ClientId>,
    /// The client that the request was proved to come from.
    pub verified: Option<ClientId>,
    /// Whether the client that it names exists.
    pub exists: bool,
    /// The merchant that the client belongs to.
    pub merchant: Option<MerchantId>,
    /// The secret that it used, or that its token was obtained with.
    pub secret: Option<SecretId>,
    /// The token that it used, or that it obtained.
    pub token: Option<TokenId>,
}

impl Caller {
    /// Notes that the client which the request names exists.
    pub(crate) fn is_there(&mut self, client: &Registered) {
        self.exists = true;
        self.merchant = client.merchant_id;
    }

    /// Notes that the request was proved to come from a client.
    pub(crate) fn authenticated(&mut self, id: ClientId, secret: SecretId, client: &Registered) {
        self.verified = Some(id);
        self.secret = Some(secret);
        self.is_there(client);
    }

    /// Notes the request's token, which is authentic.
    pub(crate) fn shows(&mut self, token: &Claims<'_>) {
        self.verified = Some(token.subject);
        self.exists = true;
        self.merchant = token.merchant_id;
        self.secret = Some(token.secret_id);
        self.token = Some(token.id);
    }

    /// Notes the principal that the guard has admitted.
    pub(crate) fn is_let_in(&mut self, principal: &Principal) {
        self.verified = Some(principal.client_id());
        self.exists = true;
        self.merchant = principal.merchant_id();
        self.token = Some(principal.token_id());
    }

    /// Notes the claims of a refresh token that was refused.
    pub(crate) fn refused_token(&mut self, token: &[u8], error: &Error) {
        if let Error::InvalidToken(error) = error {
            self.claims_by(token, is_authentic(*error));
        }
    }

    /// Notes the claims of the token in a header that the guard has denied.
    pub(crate) fn is_denied(&mut self, authorization: Option<&HeaderValue>, denial: &Denial) {
        let (verified, authentic) = match denial {
            Denial::InvalidToken(error) => (false, is_authentic(*error)),
            Denial::Environment | Denial::InsufficientScope(_) | Denial::Address => (true, true),
            Denial::NoToken | Denial::Inactive | Denial::Stale => (false, false),
        };
        self.claims_by_header(authorization, authentic);
        if verified {
            self.verified = self.claimed;
        }
    }

    /// Notes the claims of a token that was refused. `is_authentic` says whether this authority has issued it: otherwise anybody may
    /// have written it.
    fn claims_by(&mut self, token: &[u8], is_authentic: bool) {
        let Some(claims) = Claimed::of(token) else { return };
        self.claimed = claims.sub.and_then(|id| id.parse().ok());
        self.token = claims.jti.and_then(|id| id.parse().ok());
        if is_authentic {
            self.exists = self.claimed.is_some();
            self.merchant = claims.merchant_id.and_then(|id| id.parse().ok());
            self.secret = claims.sid.and_then(|id| id.parse().ok());
        }
    }

    /// Notes the claims of a refused token in a header.
    fn claims_by_header(&mut self, authorization: Option<&HeaderValue>, is_authentic: bool) {
        let token = authorization.and_then(|value| value.as_bytes().split_at_checked(7));
        if let Some((_, token)) = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer ")) {
            self.claims_by(token.trim_ascii(), is_authentic);
        }
    }

    /// Returns the sender's ids for the log.
    pub(crate) fn logged(&self) -> Sender {
        let Self { claimed, verified, merchant, secret, token, exists: _ } = *self;
        Sender { client: verified, claimed, merchant, secret, token }
    }

    /// Returns the client, if one with this id certainly exists.
    pub fn known(&self) -> Option<ClientId> {
        self.verified.or(self.claimed.filter(|_| self.exists))
    }
}

/// Says whether a token with this error was issued by this authority.
const fn is_authentic(error: TokenError) -> bool {
    match error {
        TokenError::Expired | TokenError::NotYetValid | TokenError::Audience | TokenError::Revoked => true,
        TokenError::TooLong
        | TokenError::UnknownHeader
        | TokenError::Malformed
        | TokenError::Signature
        | TokenError::Claims
        | TokenError::Issuer => false,
    }
}

/// The claims of a token, whoever wrote it.
#[derive(Deserialize)]
struct Claimed {
    sub: Option<String>,
    jti: Option<String>,
    merchant_id: Option<String>,
    sid: Option<String>,
}

impl Claimed {
    fn of(token: &[u8]) -> Option<Self> {
        let token = Some(token).filter(|token| token.len() <= MAX_TOKEN)?;
        let payload = URL_SAFE_NO_PAD.decode(token.split(|byte| *byte == b'.').nth(1)?).ok()?;
        serde_json::from_slice(&payload).ok()
    }
}
