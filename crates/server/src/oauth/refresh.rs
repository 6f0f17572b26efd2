//! `POST /api/v1/oauth2/refresh`: the next access token, without the secret (RFC 6749 §6).

use std::sync::Arc;

use http::Request;
use tollgate_core::TokenKind;
use tollgate_http::refusal::Dialect;
use tollgate_http::{ClientAddress, Media, Problems, RequestBody, read_body};
use tollgate_installation::{Registered, TokenBuffers};

use crate::caller::Caller;
use crate::error::Error;
use crate::metrics::Grant;
use crate::oauth::grant::{self, RefreshToken, Requested, tokens, vouched_for};
use crate::oauth::parameters::{Parameters, required};
use crate::oauth::request::{MAX_BODY, SensitiveBody, require, take_post};
use crate::response::{Answer, about_tokens};
use crate::sensitive::Sensitive;
use crate::state::{Arrival, State};

/// Exchanges a refresh token for an access token of the same scope. The refresh token stays as it is: it can be used
/// until it expires, and its expiry does not move. Writes nothing to the store.
pub(crate) async fn post(
    state: &State,
    Arrival { from, now, .. }: Arrival,
    request: Request<impl RequestBody>,
    caller: &mut Caller,
) -> Result<Answer, Error> {
    let (headers, body) = take_post(request)?;
    require(Media::Json, &headers)?;
    let body = SensitiveBody::from(read_body(body, MAX_BODY, state.body_timeout()).await?);
    let token = refresh_token(&body)?;
    // Boxed: they outlive an await, and a large future costs more to move than this to allocate.
    let mut buffers = Box::new(TokenBuffers::new());
    let verified = state.installation().verify(TokenKind::Refresh, token.as_bytes(), now, &mut buffers).await;
    let refresh = verified.inspect_err(|error| caller.refused_token(token.as_bytes(), error))?;
    caller.shows(&refresh);
    let vouching = state.installation().judge(refresh.subject, |client| {
        vouched_for(client, &refresh, now).and_then(|client| calling_from(from, client))
    });
    let client = vouching.await?;
    let (terms, access) = grant::refresh_token(state, &refresh, &client, Requested::default(), now)?;
    caller.token = Some(access.id);
    let body = tokens(Dialect::Envelope, state, terms, &access, &RefreshToken::Kept, None, now)?;
    state.metrics().issued(Grant::RefreshToken);
    Ok(about_tokens(body))
}

fn calling_from(from: ClientAddress, client: Arc<Registered>) -> Result<Arc<Registered>, Error> {
    if client.allows(from) { Ok(client) } else { Err(Error::Address) }
}

fn refresh_token(body: &[u8]) -> Result<Sensitive<'_>, Error> {
    let mut problems = Problems::new();
    let mut parameters = Parameters::read(Media::Json, body, &mut problems)?;
    let token = required(parameters.refresh_token.take(), "refresh_token", &mut problems);
    Ok(Sensitive::from(problems.or(token)?))
}
