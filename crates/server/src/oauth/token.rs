//! The token endpoint: the client credentials grant (RFC 6749 §4.4), and in the standard face the refresh grant (§6).
//! Neither writes anything to the store.

use std::borrow::Cow;

use http::Request;
use tollgate_core::{Scope, Sensitive, Timestamp, TokenKind};
use tollgate_http::edge::{RequestBody, read_body};
use tollgate_http::{Media, Problem, Problems};

use crate::body::MAX_BODY;
use crate::catch_up::TokenBuffers;
use crate::error::Error;
use crate::metrics::Grant;
use crate::oauth::answer::{Answered, RefreshToken, answer, tokens};
use crate::oauth::authenticated::{Authenticated, Credentials};
use crate::oauth::face::Face;
use crate::oauth::grant::{self, Requested};
use crate::oauth::parameters::Parameters;
use crate::oauth::request::{Form, check_caller, receive, required};
use crate::oauth::sensitive::SensitiveBody;
use crate::state::{Arrival, State};

/// `POST /api/v1/oauth2/token`: exchanges a client's credentials for an access token and a refresh token. Every problem
/// of a request is told at once.
pub(crate) async fn post(
    state: &State,
    arrival: Arrival,
    request: Request<impl RequestBody>,
) -> Result<Answered, Error> {
    let (head, body) = request.into_parts();
    check_caller(&head.method, &head.headers)?;
    let media = Media::of(&head.headers).ok_or(Error::MediaType { expected: MEDIA })?;
    let body = SensitiveBody::from(read_body(body, MAX_BODY, state.body_timeout()).await?);
    let mut problems = Problems::new();
    let mut parameters = Parameters::read(media, &body, &mut problems)?;
    check_grant_type(parameters.grant_type.take(), &mut problems);
    let scope = grant::scope_or_problem(parameters.scope.take(), &mut problems);
    let credentials = Credentials::read(&head.headers, &mut parameters, &mut problems)?;
    let credentials = problems.or(credentials)?;
    let client = credentials.authenticate(state, arrival, scope.as_ref()).await?;
    let requested = Requested { scope: scope.as_ref(), target: None };
    client_credentials(Face::Api, state, &client, requested, arrival.now)
}

/// What callers are told that send another type.
pub(crate) const MEDIA: &str =
    "Send the body as Content-Type: application/json or application/x-www-form-urlencoded, in UTF-8.";

/// Only one grant is served in this face; published examples omit its name.
fn check_grant_type(grant_type: Option<Cow<'_, str>>, problems: &mut Problems) {
    if grant_type.is_some_and(|grant_type| grant_type != CLIENT_CREDENTIALS) {
        problems.push(Problem::new("grant_type", "must be client_credentials, or absent"));
    }
}

const CLIENT_CREDENTIALS: &str = "client_credentials";

/// `POST /oauth2/token`: the client proves itself, then says what it wants.
pub(super) async fn post_form(
    state: &State,
    arrival: Arrival,
    request: Request<impl RequestBody>,
) -> Result<Answered, Error> {
    let (headers, body) = receive(state, request).await?;
    let mut form = Form::read(&body)?;
    let target = form.take_target();
    let scope = grant::requested_scope(form.parameters.scope.take());
    // Only the grant by credentials asks for a part of the client's own scope.
    let by_credentials = form.parameters.grant_type.as_deref() == Some(CLIENT_CREDENTIALS);
    let of_the_client = scope.as_ref().ok().and_then(Option::as_ref).filter(|_| by_credentials);
    let client = form.authenticate(&headers, state, arrival, of_the_client).await?;
    let (target, parameters) = (target?, form.parameters);
    by_grant(state, &client, parameters, scope, target.as_deref(), arrival.now).await
}

/// Issues what a client that has proved itself asks for.
async fn by_grant(
    state: &State,
    client: &Authenticated,
    mut parameters: Parameters<'_>,
    scope: Result<Option<Scope>, Problem>,
    target: Option<&str>,
    now: Timestamp,
) -> Result<Answered, Error> {
    let grant = requested_grant(&required(parameters.grant_type.take(), "grant_type")?)?;
    let scope = scope.map_err(|problem| Error::Scope(problem.into()))?;
    let requested = Requested { scope: scope.as_ref(), target };
    match grant {
        Grant::ClientCredentials => client_credentials(Face::Standard, state, client, requested, now),
        Grant::RefreshToken => {
            let token = Sensitive::from(required(parameters.refresh_token.take(), "refresh_token")?);
            refresh_token(state, client, &token, requested, now).await
        }
    }
}

/// RFC 6749 §4.4.2, §6. In this face the name must be there: a client that omits it is no OAuth client.
fn requested_grant(name: &str) -> Result<Grant, Error> {
    match name {
        CLIENT_CREDENTIALS => Ok(Grant::ClientCredentials),
        "refresh_token" => Ok(Grant::RefreshToken),
        _ => Err(Error::GrantType(
            Problem::new("grant_type", "must be client_credentials or refresh_token").into(),
        )),
    }
}

/// Issues both tokens to a client that has proved itself.
fn client_credentials(
    face: Face,
    state: &State,
    of: &Authenticated,
    requested: Requested<'_>,
    now: Timestamp,
) -> Result<Answered, Error> {
    let (terms, access, refresh) = grant::client_credentials(state, of, requested, now)?;
    let scope = match face {
        // As the published API has it: it is told what it asked for.
        Face::Api => requested.scope.map(Scope::as_str),
        Face::Standard => Some(access.scope),
    };
    let body = tokens(face, state, terms, &access, &RefreshToken::New(&refresh), scope, now)?;
    state.metrics().issued(Grant::ClientCredentials);
    Ok(Answered::to(of.id, answer(body)))
}

/// Issues the next access token. The refresh token must be one of the client that sends it (RFC 6749 §6), and is answered
/// as it came: it is never rotated.
async fn refresh_token(
    state: &State,
    of: &Authenticated,
    token: &str,
    requested: Requested<'_>,
    now: Timestamp,
) -> Result<Answered, Error> {
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
    let (terms, access) = grant::refresh_token(state, &refresh, &client, requested, now)?;
    let body =
        tokens(Face::Standard, state, terms, &access, &RefreshToken::Same(token), Some(access.scope), now)?;
    state.metrics().issued(Grant::RefreshToken);
    Ok(Answered::to(of.id, answer(body)))
}
