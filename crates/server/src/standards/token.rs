//! `POST /oauth2/token` (RFC 6749): the grants that are served under `/api/v1`, as every OAuth client asks for them.

use std::net::IpAddr;

use bytes::Bytes;
use http::Request;
use tollgate_core::{PayloadBuffer, Scope, Timestamp, TokenKind};

use crate::authority::authenticated::Authenticated;
use crate::authority::{answer, body, grant};
use crate::edge::RequestBody;
use crate::error::Error;
use crate::metrics::Grant;
use crate::problems::Problem;
use crate::server::Server;
use crate::standards::Answered;
use crate::standards::form::{Form, receive, required};

/// Answers a grant: the client proves itself, then says what it wants.
pub(super) async fn post(
    server: &Server,
    from: IpAddr,
    now: Timestamp,
    request: Request<impl RequestBody>,
) -> Result<Answered, Error> {
    let (headers, body) = receive(server, request).await?;
    let mut form = Form::read(&body)?;
    let client = form.authenticate(&headers, server, from, now).await?;
    let parameters = form.parameters;
    let grant = requested_grant(&required(parameters.grant_type, "grant_type")?)?;
    let scope = grant::requested_scope(parameters.scope).map_err(|problem| Error::Scope(problem.into()))?;
    let body = match grant {
        Grant::ClientCredentials => client_credentials(server, &client, scope.as_ref(), now)?,
        Grant::RefreshToken => {
            let token = required(parameters.refresh_token, "refresh_token")?;
            refresh_token(server, &client, &token, scope.as_ref(), now)?
        }
    };
    server.metrics().issued(grant);
    Ok(Answered::to(&client, answer(body)))
}

/// RFC 6749 §4.4.2, §6. Here the name must be there: a client that omits it is no OAuth client.
fn requested_grant(name: &str) -> Result<Grant, Error> {
    match name {
        "client_credentials" => Ok(Grant::ClientCredentials),
        "refresh_token" => Ok(Grant::RefreshToken),
        _ => Err(Error::GrantType(
            Problem::new("grant_type", "must be client_credentials or refresh_token").into(),
        )),
    }
}

fn client_credentials(
    server: &Server,
    of: &Authenticated,
    requested: Option<&Scope>,
    now: Timestamp,
) -> Result<Bytes, Error> {
    let (access, refresh) = grant::client_credentials(server, of, requested, now)?;
    let keyring = server.installation().verifier().keyring();
    body(|body| {
        body.extend_from_slice(b"{\"access_token\":\"");
        keyring.mint(TokenKind::Access, &access, now, body)?;
        body.extend_from_slice(b"\",\"refresh_token\":\"");
        keyring.mint(TokenKind::Refresh, &refresh, now, body)?;
        finish(body, server, access.scope);
        Some(())
    })
}

/// The refresh token must be one of the client that presents it (RFC 6749 §6). It is answered as it came: it is never
/// rotated, and some clients forget the one they have when an answer has none.
fn refresh_token(
    server: &Server,
    of: &Authenticated,
    token: &str,
    requested: Option<&Scope>,
    now: Timestamp,
) -> Result<Bytes, Error> {
    let verifier = server.installation().verifier();
    let mut buffer = PayloadBuffer::new();
    let refresh = verifier.verify(TokenKind::Refresh, token.as_bytes(), now, &mut buffer)?;
    if refresh.subject != of.id {
        return Err(Error::AnothersToken);
    }
    if !of.client.vouches_for(&refresh, now) {
        return Err(Error::RefreshRefused);
    }
    let access = grant::refresh_token(server, &refresh, &of.client, requested, now)?;
    body(|body| {
        body.extend_from_slice(b"{\"access_token\":\"");
        verifier.keyring().mint(TokenKind::Access, &access, now, body)?;
        body.extend_from_slice(b"\",\"refresh_token\":\"");
        body.extend_from_slice(token.as_bytes());
        finish(body, server, access.scope);
        Some(())
    })
}

/// Adds what follows the tokens (RFC 6749 §5.1). A scope has no character that JSON would escape, nor has a token.
fn finish(body: &mut Vec<u8>, server: &Server, scope: &str) {
    body.extend_from_slice(b"\",\"token_type\":\"Bearer\",\"expires_in\":");
    let seconds = server.config().tokens.access_ttl.as_secs();
    body.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
    body.extend_from_slice(b",\"scope\":\"");
    body.extend_from_slice(scope.as_bytes());
    body.extend_from_slice(b"\"}");
}
