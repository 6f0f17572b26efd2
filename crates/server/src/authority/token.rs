//! `POST /api/v1/oauth2/token`: the client credentials grant (RFC 6749 §4.4).

use std::borrow::Cow;
use std::net::IpAddr;

use http::Request;
use tollgate_core::{Claims, Scope, Timestamp, TokenId, TokenKind};

use crate::authority::authenticated::{Authenticated, Credentials};
use crate::authority::parameters::Parameters;
use crate::authority::{Issued, answer, check_caller};
use crate::edge::{RequestBody, read_body};
use crate::error::Error;
use crate::media::{MAX_BODY, Media};
use crate::problems::{Problem, Problems};
use crate::server::Server;

/// Exchanges a client's credentials for an access token and a refresh token. Writes nothing to the store.
pub(crate) async fn post(
    server: &Server,
    from: IpAddr,
    now: Timestamp,
    request: Request<impl RequestBody>,
) -> Result<Issued, Error> {
    let (head, body) = request.into_parts();
    check_caller(&head.method, &head.headers)?;
    let media = Media::of(&head.headers).ok_or(MEDIA)?;
    let body = read_body(body, MAX_BODY, server.config().limits.body_timeout).await?;
    let mut problems = Problems::new();
    let mut parameters = Parameters::read(media, &body, &mut problems)?;
    check_grant_type(parameters.grant_type.take(), &mut problems);
    let scope = requested_scope(parameters.scope.take(), &mut problems);
    let credentials = Credentials::read(&head.headers, &mut parameters, &mut problems)?;
    let authenticated = problems.or(credentials)?.authenticate(server, from, now).await?;
    check_scope(scope.as_ref(), &authenticated)?;
    let body = issue(server, &authenticated, scope.as_ref(), now)?;
    Ok(Issued { response: answer(body), client: authenticated.id })
}

const MEDIA: Error = Error::MediaType {
    expected: "Send the body as Content-Type: application/json or application/x-www-form-urlencoded, in UTF-8.",
};

/// Only one grant is served here; published examples omit its name.
fn check_grant_type(grant_type: Option<Cow<'_, str>>, problems: &mut Problems) {
    if grant_type.is_some_and(|grant_type| grant_type != "client_credentials") {
        problems.push(Problem::new("grant_type", "must be client_credentials, or absent"));
    }
}

/// RFC 6749 §3.3; an empty scope counts as omitted.
fn requested_scope(scope: Option<Cow<'_, str>>, problems: &mut Problems) -> Option<Scope> {
    let scope = scope.filter(|scope| !scope.is_empty())?;
    scope.parse().map_err(|error| problems.push(Problem::new("scope", format!("is malformed: {error}")))).ok()
}

/// A scope beyond the client's is refused, not trimmed, and only a client that has proved itself learns of it.
fn check_scope(requested: Option<&Scope>, authenticated: &Authenticated) -> Result<(), Error> {
    match requested {
        Some(scope) if !scope.is_subset_of(&authenticated.client.scope) => {
            Err(Problem::new("scope", "goes beyond what this client may ask for").into())
        }
        _ => Ok(()),
    }
}

/// Writes the answer, with both tokens minted into it.
fn issue(
    server: &Server,
    of: &Authenticated,
    requested: Option<&Scope>,
    now: Timestamp,
) -> Result<Vec<u8>, Error> {
    let tokens = &server.config().tokens;
    let mut rng = rand::rng();
    let issued_at = of.client.issues_at(now);
    let access = Claims {
        issuer: &server.config().public_url,
        subject: of.id,
        audience: &tokens.audience,
        issued_at,
        expires_at: issued_at.after(tokens.access_ttl),
        id: TokenId::random(&mut rng),
        scope: requested.unwrap_or(&of.client.scope).as_str(),
        merchant_id: of.client.merchant_id,
        environment: of.client.environment,
        secret_id: of.secret_id,
        addresses: of.client.addresses.as_deref(),
    };
    let refresh =
        Claims { id: TokenId::random(&mut rng), expires_at: issued_at.after(tokens.refresh_ttl), ..access };

    let keyring = server.installation().verifier().keyring();
    let mut body = Vec::with_capacity(1536);
    body.extend_from_slice(b"{\"success\":true,\"data\":{\"access_token\":\"");
    keyring.mint(TokenKind::Access, &access, now, &mut body).ok_or(Error::NoSigningKey)?;
    body.extend_from_slice(b"\",\"refresh_token\":\"");
    keyring.mint(TokenKind::Refresh, &refresh, now, &mut body).ok_or(Error::NoSigningKey)?;
    body.extend_from_slice(b"\",\"token_type\":\"Bearer\",\"expires_in\":");
    body.extend_from_slice(itoa::Buffer::new().format(tokens.access_ttl.as_secs()).as_bytes());
    if let Some(scope) = requested {
        // A scope has no character that JSON would escape.
        body.extend_from_slice(b",\"scope\":\"");
        body.extend_from_slice(scope.as_str().as_bytes());
        body.push(b'"');
    }
    body.extend_from_slice(b"}}");
    Ok(body)
}
