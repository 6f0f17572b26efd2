//! `POST /api/v1/oauth2/refresh`: the next access token, without the secret (RFC 6749 §6).

use std::net::IpAddr;

use bytes::Bytes;
use http::Request;
use tollgate_core::{Claims, Timestamp, TokenKind};
use tollgate_http::edge::{RequestBody, read_body};
use tollgate_http::{Media, Problems};

use crate::body::{MAX_BODY, require_json};
use crate::catch_up::TokenBuffers;
use crate::error::Error;
use crate::oauth::answer::{Issued, answer, body, check_caller};
use crate::oauth::grant;
use crate::oauth::parameters::{Parameters, required};
use crate::oauth::sensitive::{Sensitive, SensitiveBody};
use crate::registry::Registered;
use crate::state::State;

/// Exchanges a refresh token for an access token of the same scope. The refresh token stays as it is: it is reused
/// until it expires, and its end does not move. Writes nothing to the store.
pub(crate) async fn post(
    state: &State,
    from: IpAddr,
    now: Timestamp,
    request: Request<impl RequestBody>,
) -> Result<Issued, Error> {
    let (head, body) = request.into_parts();
    check_caller(&head.method, &head.headers)?;
    require_json(&head.headers)?;
    let body = read_body(body, MAX_BODY, state.config().limits.body_timeout).await?;
    let body = SensitiveBody::from(body);
    let mut problems = Problems::new();
    let mut parameters = Parameters::read(Media::Json, &body, &mut problems)?;
    let token = required(parameters.refresh_token.take(), "refresh_token", &mut problems);
    let token = Sensitive::from(problems.or(token)?);
    // Boxed: they outlive an await, and a large future costs more to move than this to allocate.
    let mut buffers = Box::new(TokenBuffers::new());
    let installation = state.installation();
    let claims = installation.verify(TokenKind::Refresh, token.as_bytes(), now, &mut buffers).await?;
    let client = installation.judge(claims.subject, |client| {
        let client = client.filter(|client| client.vouches_for(&claims, now)).ok_or(Error::RefreshRefused)?;
        if client.allows(from) { Ok(client) } else { Err(Error::Address) }
    });
    let client = client.await?;
    let body = issue(state, &claims, &client, now)?;
    Ok(Issued { response: answer(body), client: claims.subject })
}

fn issue(state: &State, refresh: &Claims<'_>, client: &Registered, now: Timestamp) -> Result<Bytes, Error> {
    let access = grant::refresh_token(state, refresh, client, None, now)?;
    let keyring = state.installation().verifier().keyring();
    let life = state.config().tokens.access_ttl.as_secs();
    body(|body| {
        body.extend_from_slice(b"{\"success\":true,\"data\":{\"access_token\":\"");
        keyring.mint(TokenKind::Access, &access, now, body)?;
        body.extend_from_slice(b"\",\"token_type\":\"Bearer\",\"expires_in\":");
        body.extend_from_slice(itoa::Buffer::new().format(life).as_bytes());
        body.extend_from_slice(b"}}");
        Ok(())
    })
}
