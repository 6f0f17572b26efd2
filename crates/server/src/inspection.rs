//! Why a token would be refused: what the guard and the authority decide, told to whoever may know it.

use std::fmt;

use tollgate_core::{Claims, PayloadBuffer, Timestamp, TokenError, TokenKind};
use tollgate_guard::Unverified::{Refused, Stale};
use tollgate_guard::Verifier;
use tollgate_store::{Status, Store, StoreError};

/// What would become of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What it is, `access` or `refresh`; `None` if no key here has signed it.
    pub kind: Option<&'static str>,
    /// Why it would be refused; `None` if it would not be.
    pub reason: Option<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.reason, self.kind) {
            (None, kind) => write!(f, "accepted: a valid {} token", kind.unwrap_or_default()),
            (Some(reason), Some(kind)) => write!(f, "refused: as {kind} token: {reason}"),
            (Some(reason), None) => write!(f, "refused: {reason}"),
        }
    }
}

/// Verifies a token as a server would at `now`: as an access token, and as a refresh token with whoever must still
/// vouch for it.
pub async fn inspect(
    verifier: &Verifier,
    store: &dyn Store,
    token: &str,
    now: Timestamp,
) -> Result<Verdict, StoreError> {
    let mut buffers = Box::new([PayloadBuffer::new(), PayloadBuffer::new()]);
    let [access, refresh] = &mut *buffers;
    let access = verifier.verify(TokenKind::Access, token.as_bytes(), now, access);
    let refresh = verifier.verify(TokenKind::Refresh, token.as_bytes(), now, refresh);
    // A signature is of one kind only: whichever does not fail there says what the token is.
    let (kind, reason) = match (access, refresh) {
        (Ok(_), _) => (Some("access"), None),
        (
            Err(Refused(error @ (TokenError::TooLong | TokenError::UnknownHeader | TokenError::Malformed))),
            _,
        ) => (None, Some(error.to_string())),
        (Err(Refused(TokenError::Signature) | Stale), Ok(claims)) => {
            (Some("refresh"), no_longer_vouched_for(store, &claims, now).await?)
        }
        (
            Err(error @ (Refused(TokenError::Signature) | Stale)),
            Err(Refused(TokenError::Signature) | Stale),
        ) => (None, Some(error.to_string())),
        (Err(Refused(TokenError::Signature) | Stale), Err(error)) => {
            (Some("refresh"), Some(error.to_string()))
        }
        (Err(error), _) => (Some("access"), Some(error.to_string())),
    };
    Ok(Verdict { kind, reason })
}

/// Why a refresh token that verifies is refused all the same.
async fn no_longer_vouched_for(
    store: &dyn Store,
    claims: &Claims<'_>,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let Some(client) = store.client(claims.subject).await? else {
        return Ok(Some("its client was deleted".to_owned()));
    };
    if client.status == Status::Disabled || client.merchant_status == Status::Disabled {
        return Ok(Some("its client is disabled".to_owned()));
    }
    if claims.issued_at <= client.revoked_until {
        return Ok(Some(TokenError::Revoked.to_string()));
    }
    let live = client
        .secrets
        .iter()
        .filter(|secret| secret.revoked_at.is_none() && secret.expires_at.is_none_or(|at| at > now))
        .any(|secret| secret.id == claims.secret_id);
    Ok((!live).then(|| "the secret that it was obtained with is no longer good".to_owned()))
}
