//! A token that a client presents without saying for certain what it is.

use std::net::IpAddr;

use http::Request;
use tollgate_core::{Claims, PayloadBuffer, Timestamp, TokenError, TokenKind};
use tollgate_guard::{Unverified, Verifier};

use crate::authority::authenticated::Authenticated;
use crate::edge::RequestBody;
use crate::error::Error;
use crate::server::Server;
use crate::standards::form::{self, Form, required};

/// Takes the request of a client that proves itself and presents a token (RFC 7009 §2.1, RFC 7662 §2.1).
pub(super) async fn receive(
    server: &Server,
    from: IpAddr,
    now: Timestamp,
    request: Request<impl RequestBody>,
) -> Result<(Authenticated, String), Error> {
    let (headers, body) = form::receive(server, request).await?;
    let mut form = Form::read(&body)?;
    let client = form.authenticate(&headers, server, from, now).await?;
    Ok((client, required(form.token, "token")?.into_owned()))
}

/// Verifies a token of either kind; `None` if it is not good. A hint of the caller's would not help: what a token is, its
/// signature says, and a wrong hint must not hide a token anyway (RFC 7009 §2.1, RFC 7662 §2.1).
pub(super) fn verify<'b>(
    verifier: &Verifier,
    token: &[u8],
    now: Timestamp,
    [access, refresh]: &'b mut [PayloadBuffer; 2],
) -> Result<Option<(TokenKind, Claims<'b>)>, Error> {
    let verified = match verifier.verify(TokenKind::Access, token, now, access) {
        // In doubt, too: a key that is known may have made the other kind of signature.
        Err(Unverified::Refused(TokenError::Signature) | Unverified::Stale) => verifier
            .verify(TokenKind::Refresh, token, now, refresh)
            .map(|claims| (TokenKind::Refresh, claims)),
        verified => verified.map(|claims| (TokenKind::Access, claims)),
    };
    match verified {
        Ok(good) => Ok(Some(good)),
        Err(Unverified::Refused(_)) => Ok(None),
        Err(Unverified::Stale) => Err(Error::Stale),
    }
}
