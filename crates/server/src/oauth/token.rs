//! `POST /api/v1/oauth2/token`: the client credentials grant (RFC 6749 §4.4).

use std::borrow::Cow;
use std::net::IpAddr;

use bytes::Bytes;
use http::Request;
use tollgate_core::{Scope, Timestamp, TokenKind};
use tollgate_http::edge::{RequestBody, read_body};
use tollgate_http::{Media, Problem, Problems};

use crate::body::MAX_BODY;
use crate::error::Error;
use crate::oauth::answer::{Issued, answer, body, check_caller};
use crate::oauth::authenticated::{Authenticated, Credentials};
use crate::oauth::grant;
use crate::oauth::parameters::Parameters;
use crate::oauth::sensitive::SensitiveBody;
use crate::state::State;

/// Exchanges a client's credentials for an access token and a refresh token. Writes nothing to the store.
pub(crate) async fn post(
    state: &State,
    from: IpAddr,
    now: Timestamp,
    request: Request<impl RequestBody>,
) -> Result<Issued, Error> {
    let (head, body) = request.into_parts();
    check_caller(&head.method, &head.headers)?;
    let media = Media::of(&head.headers).ok_or(Error::MediaType { expected: MEDIA })?;
    let body = read_body(body, MAX_BODY, state.config().limits.body_timeout).await?;
    let body = SensitiveBody::from(body);
    let mut problems = Problems::new();
    let mut parameters = Parameters::read(media, &body, &mut problems)?;
    check_grant_type(parameters.grant_type.take(), &mut problems);
    let scope = grant::requested_scope(parameters.scope.take());
    let scope = scope.unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let credentials = Credentials::read(&head.headers, &mut parameters, &mut problems)?;
    let credentials = problems.or(credentials)?;
    let authenticated = credentials.authenticate(state, from, now, scope.as_ref()).await?;
    let body = issue(state, &authenticated, scope.as_ref(), now)?;
    Ok(Issued { response: answer(body), client: authenticated.id })
}

/// What is told to who sends another type.
pub(crate) const MEDIA: &str =
    "Send the body as Content-Type: application/json or application/x-www-form-urlencoded, in UTF-8.";

/// Only one grant is served here; published examples omit its name.
fn check_grant_type(grant_type: Option<Cow<'_, str>>, problems: &mut Problems) {
    if grant_type.is_some_and(|grant_type| grant_type != "client_credentials") {
        problems.push(Problem::new("grant_type", "must be client_credentials, or absent"));
    }
}

/// Writes the answer, with both tokens minted into it.
fn issue(
    state: &State,
    of: &Authenticated,
    requested: Option<&Scope>,
    now: Timestamp,
) -> Result<Bytes, Error> {
    let (access, refresh) = grant::client_credentials(state, of, requested, now)?;
    let keyring = state.installation().verifier().keyring();
    let life = state.config().tokens.access_ttl.as_secs();
    body(|body| {
        body.extend_from_slice(b"{\"success\":true,\"data\":{\"access_token\":\"");
        keyring.mint(TokenKind::Access, &access, now, body)?;
        body.extend_from_slice(b"\",\"refresh_token\":\"");
        keyring.mint(TokenKind::Refresh, &refresh, now, body)?;
        body.extend_from_slice(b"\",\"token_type\":\"Bearer\",\"expires_in\":");
        body.extend_from_slice(itoa::Buffer::new().format(life).as_bytes());
        if let Some(scope) = requested {
            // A scope has no character that JSON would escape.
            body.extend_from_slice(b",\"scope\":\"");
            body.extend_from_slice(scope.as_str().as_bytes());
            body.push(b'"');
        }
        body.extend_from_slice(b"}}");
        Ok(())
    })
}
