//! The token endpoint: the client credentials grant (RFC 6749 §4.4) and, below `/oauth2`, also the refresh grant (§6).
//! Neither writes anything to the store.

use std::borrow::Cow;

use http::Request;
use tollgate_core::{Scope, Timestamp, TokenKind};
use tollgate_http::refusal::Dialect;
use tollgate_http::{Media, Problem, Problems, RequestBody, read_body};
use tollgate_installation::TokenBuffers;

use crate::caller::Caller;
use crate::error::Error;
use crate::metrics::Grant;
use crate::oauth::authenticated::{Authenticated, Credentials};
use crate::oauth::grant::{self, RefreshToken, Requested, tokens, vouched_for};
use crate::oauth::parameters::Parameters;
use crate::oauth::request::{Form, MAX_BODY, SensitiveBody, receive, required, take_post};
use crate::response::{Answer, about_tokens};
use crate::sensitive::Sensitive;
use crate::state::{Arrival, State};

/// `POST /api/v1/oauth2/token`: exchanges a client's credentials for an access token and a refresh token. The answer lists every problem
/// of a request.
pub(crate) async fn post(
    state: &State,
    arrival: Arrival,
    request: Request<impl RequestBody>,
    caller: &mut Caller,
) -> Result<Answer, Error> {
    let (headers, body) = take_post(request)?;
    let media = Media::of(&headers).map_err(|why| Error::MediaType { why, expected: MEDIA })?;
    let body = SensitiveBody::from(read_body(body, MAX_BODY, state.body_timeout()).await?);
    let mut problems = Problems::new();
    let mut parameters = Parameters::read(media, &body, &mut problems)?;
    check_grant_type(parameters.grant_type.take(), &mut problems);
    let scope = grant::scope_or_problem(parameters.scope.take(), &mut problems);
    let credentials = Credentials::read(&headers, &mut parameters, &mut problems)?;
    let credentials = problems.or(credentials)?;
    let client = credentials.authenticate(state, arrival, scope.as_ref(), caller).await?;
    let requested = Requested { scope: scope.as_ref(), target: None };
    client_credentials(Dialect::Envelope, state, &client, requested, arrival.now, caller)
}

/// The message to callers that send another media type.
pub(crate) const MEDIA: &str =
    "Send the body as Content-Type: application/json or application/x-www-form-urlencoded, in UTF-8.";

/// Checks the grant type. Only one is served below `/api/v1`; published examples omit its name.
fn check_grant_type(grant_type: Option<Cow<'_, str>>, problems: &mut Problems) {
    if grant_type.is_some_and(|grant_type| grant_type != CLIENT_CREDENTIALS) {
        problems.push(Problem::new("grant_type", "must be client_credentials, or absent"));
    }
}

const CLIENT_CREDENTIALS: &str = "client_credentials";

/// `POST /oauth2/token`: authenticates the client, then grants what it asks for.
pub(super) async fn post_form(
    state: &State,
    arrival @ Arrival { now, .. }: Arrival,
    request: Request<impl RequestBody>,
    caller: &mut Caller,
) -> Result<Answer, Error> {
    let (headers, body) = receive(state, request).await?;
    let mut form = Form::read(&body)?;
    let target = form.take_target();
    let scope = grant::requested_scope(form.parameters.scope.take());
    // Only the grant by credentials may ask for a part of the client's own scope.
    let of_the_client = scope.as_ref().ok().and_then(Option::as_ref).filter(|_| form.is_by_credentials());
    let client = form.authenticate(&headers, state, arrival, of_the_client, caller).await?;
    let target = target?;
    let grant = requested_grant(&required(form.parameters.grant_type.take(), "grant_type")?)?;
    let scope = scope.map_err(|problem| Error::Scope(problem.into()))?;
    let requested = Requested { scope: scope.as_ref(), target: target.as_deref() };
    match grant {
        Grant::ClientCredentials => {
            client_credentials(Dialect::OAuth, state, &client, requested, now, caller)
        }
        Grant::RefreshToken => refresh_token(state, &client, &mut form, requested, now, caller).await,
    }
}

impl Form<'_> {
    fn is_by_credentials(&self) -> bool {
        self.parameters.grant_type.as_deref() == Some(CLIENT_CREDENTIALS)
    }
}

/// Reads the grant type (RFC 6749 §4.4.2, §6), which is required: a client that omits it is not an OAuth client.
fn requested_grant(name: &str) -> Result<Grant, Error> {
    match name {
        CLIENT_CREDENTIALS => Ok(Grant::ClientCredentials),
        "refresh_token" => Ok(Grant::RefreshToken),
        _ => Err(Error::GrantType(
            Problem::new("grant_type", "must be client_credentials or refresh_token").into(),
        )),
    }
}

/// Issues both tokens to a client that has authenticated.
fn client_credentials(
    dialect: Dialect,
    state: &State,
    of: &Authenticated,
    requested: Requested<'_>,
    now: Timestamp,
    caller: &mut Caller,
) -> Result<Answer, Error> {
    let (terms, access, refresh) = grant::client_credentials(state, of, requested, now)?;
    caller.token = Some(access.id);
    let scope = match dialect {
        // In the published API, the answer has the scope only if the client asked for one.
        Dialect::Envelope => requested.scope.map(Scope::as_str),
        Dialect::OAuth => Some(access.scope),
    };
    let body = tokens(dialect, state, terms, &access, &RefreshToken::New(&refresh), scope, now)?;
    state.metrics().issued(Grant::ClientCredentials);
    Ok(about_tokens(body))
}

/// Issues the next access token. The refresh token must belong to the client that sends it (RFC 6749 §6), and is returned
/// unchanged: it is never rotated.
async fn refresh_token(
    state: &State,
    of: &Authenticated,
    form: &mut Form<'_>,
    requested: Requested<'_>,
    now: Timestamp,
    caller: &mut Caller,
) -> Result<Answer, Error> {
    let token = Sensitive::from(required(form.parameters.refresh_token.take(), "refresh_token")?);
    let installation = state.installation();
    // Boxed: they outlive an await, and a large future costs more to move than this to allocate.
    let mut buffers = Box::new(TokenBuffers::new());
    let verified = installation.verify(TokenKind::Refresh, token.as_bytes(), now, &mut buffers).await;
    let refresh = verified.inspect_err(|error| caller.refused_token(token.as_bytes(), error))?;
    caller.token = Some(refresh.id);
    if refresh.subject != of.id {
        return Err(Error::AnothersToken);
    }
    let vouching = installation.judge(of.id, |client| vouched_for(client, &refresh, now));
    let client = vouching.await?;
    let (terms, access) = grant::refresh_token(state, &refresh, &client, requested, now)?;
    caller.token = Some(access.id);
    let body =
        tokens(Dialect::OAuth, state, terms, &access, &RefreshToken::Same(&token), Some(access.scope), now)?;
    state.metrics().issued(Grant::RefreshToken);
    Ok(about_tokens(body))
}
