//! `POST /oauth2/token` (RFC 6749): the grants that are served under `/api/v1`, as every OAuth client asks for them.

use std::net::IpAddr;

use bytes::Bytes;
use http::Request;
use tollgate_core::{Scope, Timestamp, TokenKind};
use tollgate_http::Problem;
use tollgate_http::edge::RequestBody;

use crate::catch_up::TokenBuffers;
use crate::error::Error;
use crate::metrics::Grant;
use crate::oauth::Answered;
use crate::oauth::answer::{answer, body};
use crate::oauth::authenticated::Authenticated;
use crate::oauth::grant;
use crate::oauth::request::{Form, receive, required};
use crate::oauth::sensitive::Sensitive;
use crate::state::State;

/// Answers a grant: the client proves itself, then says what it wants.
pub(super) async fn post(
    state: &State,
    from: IpAddr,
    now: Timestamp,
    request: Request<impl RequestBody>,
) -> Result<Answered, Error> {
    let (headers, body) = receive(state, request).await?;
    let mut form = Form::read(&body)?;
    let scope = grant::requested_scope(form.parameters.scope.take());
    // Only of a grant by credentials is it asked for from the client's own.
    let of_the_client = scope
        .as_ref()
        .ok()
        .and_then(Option::as_ref)
        .filter(|_| form.parameters.grant_type.as_deref() == Some(CLIENT_CREDENTIALS));
    let client = form.authenticate(&headers, state, from, now, of_the_client).await?;
    let mut parameters = form.parameters;
    let grant = requested_grant(&required(parameters.grant_type.take(), "grant_type")?)?;
    let scope = scope.map_err(|problem| Error::Scope(problem.into()))?;
    let body = match grant {
        Grant::ClientCredentials => client_credentials(state, &client, scope.as_ref(), now)?,
        Grant::RefreshToken => {
            let token = Sensitive::from(required(parameters.refresh_token.take(), "refresh_token")?);
            refresh_token(state, &client, &token, scope.as_ref(), now).await?
        }
    };
    state.metrics().issued(grant);
    Ok(Answered::to(&client, answer(body)))
}

const CLIENT_CREDENTIALS: &str = "client_credentials";

/// RFC 6749 §4.4.2, §6. Here the name must be there: a client that omits it is no OAuth client.
fn requested_grant(name: &str) -> Result<Grant, Error> {
    match name {
        CLIENT_CREDENTIALS => Ok(Grant::ClientCredentials),
        "refresh_token" => Ok(Grant::RefreshToken),
        _ => Err(Error::GrantType(
            Problem::new("grant_type", "must be client_credentials or refresh_token").into(),
        )),
    }
}

fn client_credentials(
    state: &State,
    of: &Authenticated,
    requested: Option<&Scope>,
    now: Timestamp,
) -> Result<Bytes, Error> {
    let (access, refresh) = grant::client_credentials(state, of, requested, now)?;
    let keyring = state.installation().verifier().keyring();
    body(|body| {
        body.extend_from_slice(b"{\"access_token\":\"");
        keyring.mint(TokenKind::Access, &access, now, body)?;
        body.extend_from_slice(b"\",\"refresh_token\":\"");
        keyring.mint(TokenKind::Refresh, &refresh, now, body)?;
        finish(body, state, access.scope);
        Ok(())
    })
}

/// The refresh token must be one of the client that presents it (RFC 6749 §6). It is answered as it came: it is never
/// rotated, and some clients forget the one they have when an answer has none.
async fn refresh_token(
    state: &State,
    of: &Authenticated,
    token: &str,
    requested: Option<&Scope>,
    now: Timestamp,
) -> Result<Bytes, Error> {
    let installation = state.installation();
    // Boxed: they outlive an await, and a large future costs more to move than this to allocate.
    let mut buffers = Box::new(TokenBuffers::new());
    let refresh = installation.verify(TokenKind::Refresh, token.as_bytes(), now, &mut buffers).await?;
    if refresh.subject != of.id {
        return Err(Error::AnothersToken);
    }
    let vouching = installation.judge(of.id, |client| {
        client.filter(|client| client.vouches_for(&refresh, now)).ok_or(Error::RefreshRefused)
    });
    let client = vouching.await?;
    let access = grant::refresh_token(state, &refresh, &client, requested, now)?;
    body(|body| {
        body.extend_from_slice(b"{\"access_token\":\"");
        installation.verifier().keyring().mint(TokenKind::Access, &access, now, body)?;
        body.extend_from_slice(b"\",\"refresh_token\":\"");
        body.extend_from_slice(token.as_bytes());
        finish(body, state, access.scope);
        Ok(())
    })
}

/// Adds what follows the tokens (RFC 6749 §5.1). A scope has no character that JSON would escape, nor has a token.
fn finish(body: &mut Vec<u8>, state: &State, scope: &str) {
    body.extend_from_slice(b"\",\"token_type\":\"Bearer\",\"expires_in\":");
    let seconds = state.config().tokens.access_ttl.as_secs();
    body.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
    body.extend_from_slice(b",\"scope\":\"");
    body.extend_from_slice(scope.as_bytes());
    body.extend_from_slice(b"\"}");
}
