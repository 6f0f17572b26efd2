//! What a grant gives: the claims of its tokens.
//!
//! The endpoints differ in how they read a request and write the answer. What a client gets is decided here, once.

use std::borrow::Cow;

use tollgate_core::{Claims, Scope, Timestamp, TokenId};
use tollgate_http::Problem;

use crate::error::Error;
use crate::oauth::authenticated::{Authenticated, check_scope};
use crate::oauth::parameters::present;
use crate::registry::Registered;
use crate::state::State;

/// Reads the scope that a request names (RFC 6749 §3.3); an empty one counts as omitted.
pub(crate) fn requested_scope(scope: Option<Cow<'_, str>>) -> Result<Option<Scope>, Problem> {
    let Some(scope) = present(scope) else { return Ok(None) };
    scope.parse().map(Some).map_err(|error| Problem::new("scope", format!("is malformed: {error}")))
}

/// Grants an access and a refresh token to a client that has proved itself (RFC 6749 §4.4).
pub(crate) fn client_credentials<'a>(
    state: &'a State,
    of: &'a Authenticated,
    requested: Option<&'a Scope>,
    now: Timestamp,
) -> Result<(Claims<'a>, Claims<'a>), Error> {
    check_scope(requested, |word| of.client.scope.contains(word))?;
    let tokens = &state.config().tokens;
    let id = TokenId::random(&mut rand::rng());
    let access = Claims {
        issuer: &state.config().public_url,
        subject: of.id,
        audience: &tokens.audience,
        issued_at: now,
        expires_at: now.after(tokens.access_ttl),
        id,
        scope: requested.unwrap_or(&of.client.scope).as_str(),
        merchant_id: of.client.merchant_id,
        environment: of.client.environment,
        secret_id: of.secret_id,
        generation: of.client.generation,
        merchant_generation: of.client.merchant_generation,
        made_with: None,
        addresses: of.client.addresses.as_deref(),
    };
    let refresh =
        Claims { id: id.of_its_refresh_token(), expires_at: now.after(tokens.refresh_ttl), ..access };
    Ok((access, refresh))
}

/// Grants the next access token for a refresh token (RFC 6749 §6) that `client` still vouches for.
pub(crate) fn refresh_token<'a>(
    state: &State,
    refresh: &Claims<'a>,
    client: &'a Registered,
    requested: Option<&'a Scope>,
    now: Timestamp,
) -> Result<Claims<'a>, Error> {
    check_scope(requested, |word| refresh.allows(word))?;
    Ok(Claims {
        issued_at: now,
        expires_at: now.after(state.config().tokens.access_ttl),
        id: TokenId::random(&mut rand::rng()),
        scope: requested.map_or(refresh.scope, Scope::as_str),
        made_with: Some(refresh.id),
        addresses: client.addresses.as_deref(),
        ..*refresh
    })
}
