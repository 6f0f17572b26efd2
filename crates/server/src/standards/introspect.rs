//! `POST /oauth2/introspect` (RFC 7662): whether a token is good, and what it says.

use std::net::IpAddr;

use bytes::Bytes;
use http::Request;
use serde::Serialize;
use tollgate_core::{Claims, ClientId, Environment, MerchantId, PayloadBuffer, Timestamp, TokenKind};

use crate::authority::answer;
use crate::edge::RequestBody;
use crate::error::Error;
use crate::registry::Registered;
use crate::server::Server;
use crate::standards::{Answered, presented};

/// Answers what a token is, to a client that may know.
pub(super) async fn post(
    server: &Server,
    from: IpAddr,
    now: Timestamp,
    request: Request<impl RequestBody>,
) -> Result<Answered, Error> {
    let (client, token) = presented::receive(server, from, now, request).await?;
    // Boxed: they outlive an await, and a large future costs more to move than this to allocate.
    let mut buffers = Box::new([PayloadBuffer::new(), PayloadBuffer::new()]);
    let verifier = server.installation().verifier();
    let found = presented::verify(verifier, token.as_bytes(), now, &mut buffers)?;
    let body = match found.filter(|(_, claims)| may_see(&client.client, claims)) {
        Some((kind, claims)) if is_good(server, kind, &claims, now).await? => active(kind, &claims),
        Some(_) | None => Bytes::from_static(INACTIVE),
    };
    Ok(Answered::to(&client, answer(body)))
}

/// All that is said of a token that is not good, or not for this client to know of: not even why (RFC 7662 §2.2).
const INACTIVE: &[u8] = br#"{"active":false}"#;

/// A client sees the tokens of its merchant in its environment; an operator's client acts for every merchant.
fn may_see(client: &Registered, claims: &Claims<'_>) -> bool {
    let is_of_its_merchant = client.merchant_id.is_none() || client.merchant_id == claims.merchant_id;
    is_of_its_merchant && client.environment == claims.environment
}

/// A refresh token is good only as long as the authority would exchange it.
async fn is_good(
    server: &Server,
    kind: TokenKind,
    claims: &Claims<'_>,
    now: Timestamp,
) -> Result<bool, Error> {
    match kind {
        TokenKind::Access => Ok(true),
        TokenKind::Refresh => Ok(server.installation().registry().vouching(claims, now).await?.is_some()),
    }
}

/// RFC 7662 §2.2, and the claims that are ours.
#[derive(Serialize)]
struct Introspection<'a> {
    active: bool,
    scope: &'a str,
    client_id: ClientId,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    exp: u64,
    iat: u64,
    sub: ClientId,
    aud: &'a str,
    iss: &'a str,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_id: Option<MerchantId>,
    env: Environment,
    #[serde(skip_serializing_if = "Option::is_none")]
    net: Option<&'a str>,
}

fn active(kind: TokenKind, claims: &Claims<'_>) -> Bytes {
    let said = Introspection {
        active: true,
        scope: claims.scope,
        client_id: claims.subject,
        // The types of RFC 6749 §7.1 are those of access tokens. A refresh token has none, which tells it apart.
        token_type: (kind == TokenKind::Access).then_some("Bearer"),
        exp: claims.expires_at.seconds(),
        iat: claims.issued_at.seconds(),
        sub: claims.subject,
        aud: claims.audience,
        iss: claims.issuer,
        jti: claims.id.to_string(),
        merchant_id: claims.merchant_id,
        env: claims.environment,
        net: claims.addresses,
    };
    serde_json::to_vec(&said).expect("claims serialise").into()
}
