//! The token that a client wants to introspect or to revoke. Verifying it shows its kind.

use http::Request;
use tollgate_core::{Claims, PayloadBuffer, Timestamp, TokenError, TokenKind};
use tollgate_guard::{Unverified, Verifier};
use tollgate_http::RequestBody;
use tollgate_installation::Installation;
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::error::Error;
use crate::oauth::authenticated::Authenticated;
use crate::oauth::request::{self, Form, required};
use crate::state::{Arrival, State};

/// A token, and the client that presents it.
pub(super) struct IntrospectedToken {
    pub(super) by: Authenticated,
    pub(super) token: Zeroizing<String>,
    /// Whether the client says that it is a refresh token. Other hints are ignored.
    pub(super) as_refresh_token: bool,
}

/// Takes the request of a client that authenticates and presents a token (RFC 7009 §2.1, RFC 7662 §2.1).
pub(super) async fn receive(
    state: &State,
    arrival: Arrival,
    request: Request<impl RequestBody>,
    caller: &mut Caller,
) -> Result<IntrospectedToken, Error> {
    let (headers, body) = request::receive(state, request).await?;
    let mut form = Form::read(&body)?;
    let by = form.authenticate(&headers, state, arrival, None, caller).await?;
    let as_refresh_token = form.token_type_hint.as_deref() == Some("refresh_token");
    Ok(IntrospectedToken {
        by,
        token: Zeroizing::new(required(form.token, "token")?.into_owned()),
        as_refresh_token,
    })
}

/// Buffers for a token of either kind that may have to be verified twice.
#[derive(Default)]
pub(super) struct Buffers {
    first: [PayloadBuffer; 2],
    second: Option<Box<[PayloadBuffer; 2]>>,
}

/// Verifies a token of either kind; `None` if it is not valid by the store's current data. The signature shows the token's kind:
/// a wrong hint must not hide it (RFC 7009 §2.1, RFC 7662 §2.1).
pub(super) async fn verify<'b>(
    installation: &Installation,
    token: &[u8],
    now: Timestamp,
    Buffers { first, second }: &'b mut Buffers,
) -> Result<Option<(TokenKind, Claims<'b>)>, Error> {
    match either(installation.verifier(), token, now, first) {
        Err(Unverified::Refused(TokenError::Signature | TokenError::Revoked)) => {}
        outcome => return good(outcome),
    }
    installation.catch_up().await?;
    good(either(installation.verifier(), token, now, second.get_or_insert_default()))
}

fn either<'b>(
    verifier: &Verifier,
    token: &[u8],
    now: Timestamp,
    [access, refresh]: &'b mut [PayloadBuffer; 2],
) -> Result<(TokenKind, Claims<'b>), Unverified> {
    match verifier.verify(TokenKind::Access, token, now, access) {
        // If it is stale, too: a known key may have made the other kind of signature.
        Err(Unverified::Refused(TokenError::Signature) | Unverified::Stale) => verifier
            .verify(TokenKind::Refresh, token, now, refresh)
            .map(|claims| (TokenKind::Refresh, claims)),
        verified => verified.map(|claims| (TokenKind::Access, claims)),
    }
}

fn good<T>(verified: Result<T, Unverified>) -> Result<Option<T>, Error> {
    match verified {
        Ok(good) => Ok(Some(good)),
        Err(Unverified::Refused(_)) => Ok(None),
        Err(Unverified::Stale) => Err(Error::Stale),
    }
}
