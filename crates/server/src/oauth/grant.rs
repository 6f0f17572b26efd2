//! The result of a grant: the claims of its tokens, and the tokens, signed into the body of the answer.
//!
//! The endpoints differ in how they read a request. What a client gets is decided here, once.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tollgate_config::{AccessTokens, Config};
use tollgate_core::{Audience, Claims, Scope, Timestamp, TokenId, TokenKind, VerifyingRing};
use tollgate_http::refusal::Dialect;
use tollgate_http::{Problem, Problems};
use tollgate_installation::{Registered, Unproved};
use tollgate_keys::MintError;

use crate::error::Error;
use crate::oauth::authenticated::{Authenticated, check_scope};
use crate::oauth::parameters::present;
use crate::state::State;

/// Reads the scope that a request names (RFC 6749 §3.3); an empty one counts as omitted.
pub(crate) fn requested_scope(scope: Option<Cow<'_, str>>) -> Result<Option<Scope>, Problem> {
    let Some(scope) = present(scope) else { return Ok(None) };
    scope.parse().map(Some).map_err(|error| Problem::new("scope", format!("is malformed: {error}")))
}

/// Reads the scope that a request names, and notes an error as a problem.
pub(crate) fn scope_or_problem(scope: Option<Cow<'_, str>>, problems: &mut Problems) -> Option<Scope> {
    requested_scope(scope).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    })
}

/// The scope and the API that a client asks for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Requested<'a> {
    pub(crate) scope: Option<&'a Scope>,
    /// The API that the token is for (RFC 8707 §2); `None` for the client's first one.
    pub(crate) target: Option<&'a str>,
}

/// Returns the properties of a client's access tokens: for the API that it asks for (RFC 8707 §2), or else for its first one.
fn access_tokens<'a>(
    config: &'a Config,
    client: &Registered,
    target: Option<&str>,
) -> Result<AccessTokens<'a>, Error> {
    let default = config.default_access_tokens();
    let found = match (target, &*client.audiences) {
        (None, []) => default,
        (None, [first, ..]) => config.access_tokens(first.as_str()).ok_or_else(|| not_served(first))?,
        (Some(target), _) => config
            .access_tokens(target)
            .filter(|_| client.may_have(target, default.audience))
            .ok_or_else(unknown_target)?,
    };
    Ok(shortened(found, client))
}

/// Shortens the lifetime of access tokens to the client's own, if that is shorter than the configured one.
fn shortened<'a>(tokens: AccessTokens<'a>, client: &Registered) -> AccessTokens<'a> {
    let lifetime = client.access_ttl.map_or(tokens.lifetime, |own| own.min(tokens.lifetime));
    AccessTokens { lifetime, ..tokens }
}

/// Returns the properties of the access tokens of the refresh grant: the API stays the one that the refresh token was granted for.
fn refreshed_access_tokens<'a>(
    config: &'a Config,
    keyring: &VerifyingRing,
    client: &Registered,
    refresh: &Claims<'_>,
    target: Option<&str>,
) -> Result<AccessTokens<'a>, Error> {
    if target.is_some_and(|target| target != refresh.audience) {
        return Err(unknown_target());
    }
    let configured = config.access_tokens(refresh.audience);
    // A former name of the default audience has the properties of the present one.
    let former = || (!keyring.is_for_other_api(refresh)).then(|| config.default_access_tokens());
    let tokens = configured.or_else(former).ok_or(Error::RefreshRefused(Unproved::FormerAudience))?;
    Ok(shortened(tokens, client))
}

/// Returns the client of a refresh token, if the token may still be used.
pub(super) fn vouched_for(
    client: Option<Arc<Registered>>,
    refresh: &Claims<'_>,
    now: Timestamp,
) -> Result<Arc<Registered>, Error> {
    let client = client.ok_or(Error::RefreshRefused(Unproved::UnknownClient))?;
    client.vouches_for(refresh, now).map_err(Error::RefreshRefused)?;
    Ok(client)
}

/// Returns the error that the configuration no longer has the API that a client is for: the request itself is not wrong.
fn not_served(audience: &Audience) -> Error {
    let problem = format!(
        "is of a client for {audience}, which this server issues no tokens for any more: ask its operators"
    );
    Error::Target(Problem::new("client_id", problem).into())
}

fn unknown_target() -> Error {
    Error::Target(Problem::new("resource", "is not an API that this client may have tokens for").into())
}

/// Grants an access and a refresh token to a client that has authenticated (RFC 6749 §4.4).
pub(crate) fn client_credentials<'a>(
    state: &'a State,
    of: &'a Authenticated,
    requested: Requested<'a>,
    now: Timestamp,
) -> Result<(AccessTokens<'a>, Claims<'a>, Claims<'a>), Error> {
    check_scope(requested.scope, |word| of.client.scope.contains(word))?;
    state.limiters().take_of_quota(of.id, &of.client)?;
    let tokens = access_tokens(state.config(), &of.client, requested.target)?;
    let id = TokenId::random(&mut rand::rng());
    let access = Claims {
        issuer: &state.config().public_url,
        subject: of.id,
        audience: tokens.audience,
        issued_at: now,
        expires_at: now.after(tokens.lifetime),
        id,
        scope: requested.scope.unwrap_or(&of.client.scope).as_str(),
        merchant_id: of.client.merchant_id,
        environment: of.client.environment,
        secret_id: of.secret_id,
        generation: of.client.generation,
        merchant_generation: of.client.merchant_generation,
        made_with: None,
        addresses: of.client.addresses.as_deref(),
    };
    let refresh_ttl = state.config().tokens.refresh_ttl;
    let refresh_expires_at = now.after(of.client.refresh_ttl.map_or(refresh_ttl, |own| own.min(refresh_ttl)));
    let refresh = Claims { id: id.of_its_refresh_token(), expires_at: refresh_expires_at, ..access };
    Ok((tokens, access, refresh))
}

/// Grants the next access token for a refresh token (RFC 6749 §6), which `client` may still use.
pub(crate) fn refresh_token<'a>(
    state: &'a State,
    refresh: &Claims<'a>,
    client: &'a Registered,
    requested: Requested<'a>,
    now: Timestamp,
) -> Result<(AccessTokens<'a>, Claims<'a>), Error> {
    check_scope(requested.scope, |word| refresh.allows(word))?;
    state.limiters().take_of_quota(refresh.subject, client)?;
    let keyring = state.installation().verifier().keyring();
    let tokens = refreshed_access_tokens(state.config(), &keyring, client, refresh, requested.target)?;
    let access = Claims {
        issued_at: now,
        expires_at: now.after(tokens.lifetime),
        id: TokenId::random(&mut rand::rng()),
        scope: requested.scope.map_or(refresh.scope, Scope::as_str),
        made_with: Some(refresh.id),
        addresses: client.addresses.as_deref(),
        ..*refresh
    };
    Ok((tokens, access))
}

/// The refresh token in an answer.
pub(super) enum RefreshToken<'a> {
    /// A new refresh token with these claims.
    New(&'a Claims<'a>),
    /// The one that was exchanged. Some clients forget theirs when an answer has none.
    Same(&'a str),
    /// No refresh token: the client keeps the one that it has.
    Kept,
}

/// Returns the body of an answer with an access token (RFC 6749 §5.1). Neither a scope nor a token has a character that JSON
/// would escape.
pub(super) fn tokens(
    dialect: Dialect,
    state: &State,
    terms: AccessTokens<'_>,
    access: &Claims<'_>,
    refresh: &RefreshToken<'_>,
    scope: Option<&str>,
    now: Timestamp,
) -> Result<Bytes, Error> {
    let keyring = state.installation().signing_ring();
    let (start, end) = brackets(dialect);
    body(|body| {
        body.extend_from_slice(start);
        body.extend_from_slice(b"\"access_token\":\"");
        keyring.mint(TokenKind::Access, terms.algorithm, access, now, body)?;
        match refresh {
            RefreshToken::New(claims) => {
                body.extend_from_slice(b"\",\"refresh_token\":\"");
                keyring.mint(TokenKind::Refresh, terms.algorithm, claims, now, body)?;
            }
            RefreshToken::Same(token) => {
                body.extend_from_slice(b"\",\"refresh_token\":\"");
                body.extend_from_slice(token.as_bytes());
            }
            RefreshToken::Kept => {}
        }
        body.extend_from_slice(b"\",\"token_type\":\"Bearer\",\"expires_in\":");
        body.extend_from_slice(itoa::Buffer::new().format(terms.lifetime.as_secs()).as_bytes());
        if let Some(scope) = scope {
            body.extend_from_slice(b",\"scope\":\"");
            body.extend_from_slice(scope.as_bytes());
            body.push(b'"');
        }
        body.extend_from_slice(end);
        Ok(())
    })
}

/// Returns what comes before and after the members of an answer with tokens.
const fn brackets(dialect: Dialect) -> (&'static [u8], &'static [u8]) {
    match dialect {
        Dialect::Envelope => (b"{\"success\":true,\"data\":{", b"}}"),
        Dialect::OAuth => (b"{", b"}"),
    }
}

/// Writes into a buffer of the thread and copies from there into another one, which is free again once the body has been sent:
/// usually that is before the next one is written, and nothing is allocated.
fn body(write: impl FnOnce(&mut Vec<u8>) -> Result<(), MintError>) -> Result<Bytes, Error> {
    thread_local! {
        static BUFFERS: RefCell<(Vec<u8>, BytesMut)> =
            RefCell::new((Vec::with_capacity(ROOM), BytesMut::with_capacity(ROOM)));
    }
    BUFFERS.with_borrow_mut(|(draft, answers)| {
        draft.clear();
        write(draft)?;
        answers.extend_from_slice(draft);
        Ok(answers.split().freeze())
    })
}

/// Room for a usual body with both tokens, in bytes, but not for two bodies: a client that reads a body slowly keeps the whole buffer.
const ROOM: usize = 2048;
