//! `POST /api/v1/oauth2/refresh`: the next access token, without the secret (RFC 6749 §6).

use http::Request;
use tollgate_core::{Sensitive, TokenKind};
use tollgate_http::edge::{RequestBody, read_body};
use tollgate_http::{Media, Problems};

use crate::body::{MAX_BODY, require_json};
use crate::catch_up::TokenBuffers;
use crate::error::Error;
use crate::metrics::Grant;
use crate::oauth::answer::{Answered, RefreshToken, answer, tokens};
use crate::oauth::face::Face;
use crate::oauth::grant::{self, Requested};
use crate::oauth::parameters::{Parameters, required};
use crate::oauth::request::check_caller;
use crate::oauth::sensitive::SensitiveBody;
use crate::state::{Arrival, State};

/// Exchanges a refresh token for an access token of the same scope. The refresh token stays as it is: it is reused
/// until it expires, and its end does not move. Writes nothing to the store.
pub(crate) async fn post(
    state: &State,
    Arrival { from, now, .. }: Arrival,
    request: Request<impl RequestBody>,
) -> Result<Answered, Error> {
    let (head, body) = request.into_parts();
    check_caller(&head.method, &head.headers)?;
    require_json(&head.headers)?;
    let body = SensitiveBody::from(read_body(body, MAX_BODY, state.body_timeout()).await?);
    let token = refresh_token(&body)?;
    // Boxed: they outlive an await, and a large future costs more to move than this to allocate.
    let mut buffers = Box::new(TokenBuffers::new());
    let installation = state.installation();
    let refresh = installation.verify(TokenKind::Refresh, token.as_bytes(), now, &mut buffers).await?;
    let client = installation.judge(refresh.subject, |client| {
        let client =
            client.filter(|client| client.vouches_for(&refresh, now)).ok_or(Error::RefreshRefused)?;
        if client.allows(from) { Ok(client) } else { Err(Error::Address) }
    });
    let client = client.await?;
    let (terms, access) = grant::refresh_token(state, &refresh, &client, Requested::default(), now)?;
    let body = tokens(Face::Api, state, terms, &access, &RefreshToken::Kept, None, now)?;
    state.metrics().issued(Grant::RefreshToken);
    Ok(Answered::to(refresh.subject, answer(body)))
}

fn refresh_token(body: &[u8]) -> Result<Sensitive<'_>, Error> {
    let mut problems = Problems::new();
    let mut parameters = Parameters::read(Media::Json, body, &mut problems)?;
    let token = required(parameters.refresh_token.take(), "refresh_token", &mut problems);
    Ok(Sensitive::from(problems.or(token)?))
}
