//! Who sent a request, as far as it is known by its answer: for the log and the table of refusals, never for a decision.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use serde::Deserialize;
use tollgate_core::{Claims, ClientId, MAX_TOKEN, MerchantId, SecretId, TokenError, TokenId};
use tollgate_guard::{Denial, Principal};
use tollgate_installation::Registered;
use tollgate_log::Sender;

use crate::error::Error;

/// Who sent a request, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller {
    /// The client that it names. Anybody can name any.
    pub claimed: Option<ClientId>,
    /// The client that it was shown to be.
    pub verified: Option<ClientId>,
    /// Whether there is the client that it names.
    pub exists: bool,
    /// The client's merchant.
    pub merchant: Option<MerchantId>,
    /// The secret that it used, or that its token was obtained with.
    pub secret: Option<SecretId>,
    /// The token that it used, or that it obtained.
    pub token: Option<TokenId>,
}

impl Caller {
    /// Notes that the client it names is there.
    pub(crate) fn is_there(&mut self, client: &Registered) {
        self.exists = true;
        self.merchant = client.merchant_id;
    }

    /// Notes that it has proved to be a client.
    pub(crate) fn authenticated(&mut self, id: ClientId, secret: SecretId, client: &Registered) {
        self.verified = Some(id);
        self.secret = Some(secret);
        self.is_there(client);
    }

    /// Notes the token that it has shown, which is authentic.
    pub(crate) fn shows(&mut self, token: &Claims<'_>) {
        self.verified = Some(token.subject);
        self.exists = true;
        self.merchant = token.merchant_id;
        self.secret = Some(token.secret_id);
        self.token = Some(token.id);
    }

    /// Notes whom the guard has let in.
    pub(crate) fn is_let_in(&mut self, principal: &Principal) {
        self.verified = Some(principal.client_id());
        self.exists = true;
        self.merchant = principal.merchant_id();
        self.token = Some(principal.token_id());
    }

    /// Notes what the refresh token says that was refused.
    pub(crate) fn refused_token(&mut self, token: &[u8], error: &Error) {
        if let Error::InvalidToken(error) = error {
            self.claims_by(token, is_authentic(*error));
        }
    }

    /// Notes what the token in a header says that the guard has denied.
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

    /// Notes what the token says that was refused. `is_authentic` says whether this authority has issued it: otherwise anybody may
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

    /// The same of the token in a header.
    fn claims_by_header(&mut self, authorization: Option<&HeaderValue>, is_authentic: bool) {
        let token = authorization.and_then(|value| value.as_bytes().split_at_checked(7));
        if let Some((_, token)) = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer ")) {
            self.claims_by(token.trim_ascii(), is_authentic);
        }
    }

    /// The ids that the log has of it.
    pub(crate) fn logged(&self) -> Sender {
        let Self { claimed, verified, merchant, secret, token, exists: _ } = *self;
        Sender { client: verified, claimed, merchant, secret, token }
    }

    /// The client, if there is one of this id for sure.
    pub fn known(&self) -> Option<ClientId> {
        self.verified.or(self.claimed.filter(|_| self.exists))
    }
}

/// Whether a token that is refused for this was issued by this authority.
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

/// What a token says, whoever wrote it.
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
