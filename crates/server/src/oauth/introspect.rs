//! `POST /oauth2/introspect` (RFC 7662): says whether a token is valid, and returns its claims.

use bytes::Bytes;
use http::Request;
use serde::Serialize;
use tollgate_core::{Claims, ClientId, Environment, MerchantId, Timestamp, TokenKind, VerifyingRing};
use tollgate_http::RequestBody;
use tollgate_installation::Installation;

use crate::caller::Caller;
use crate::error::Error;
use crate::oauth::grant::vouched_for;
use crate::oauth::introspected_token::{self, Buffers, IntrospectedToken};
use crate::response::{Answer, about_tokens};
use crate::state::{Arrival, State};

/// Answers with a token's claims, if the client may see them.
pub(super) async fn post(
    state: &State,
    arrival: Arrival,
    request: Request<impl RequestBody>,
    caller: &mut Caller,
) -> Result<Answer, Error> {
    let introspected = introspected_token::receive(state, arrival, request, caller).await?;
    // Boxed: they outlive an await, and a large future costs more to move than this to allocate.
    let mut buffers = Box::<Buffers>::default();
    let installation = state.installation();
    let found =
        introspected_token::verify(installation, introspected.token.as_bytes(), arrival.now, &mut buffers)
            .await?;
    let seen = {
        let keyring = installation.verifier().keyring();
        found.filter(|(kind, claims)| may_see(&introspected, &keyring, *kind, claims))
    };
    let body = match seen {
        Some((kind, claims)) if is_good(installation, kind, &claims, arrival.now).await? => {
            active(kind, &claims)
        }
        Some(_) | None => Bytes::from_static(INACTIVE),
    };
    Ok(about_tokens(body))
}

/// The answer for a token that is invalid, or that this client may not see. It does not say which (RFC 7662 §2.2).
const INACTIVE: &[u8] = br#"{"active":false}"#;

/// Says whether a client may see a token. It sees the access tokens of its merchant in its environment, for the audiences that it
/// has, also under a former name of the default one; an operator's client acts for every merchant. A refresh token is seen only by
/// its own client, and only if the client calls it one: a resource server, which asks about whatever it was sent, must never take
/// one for an access token.
fn may_see(
    introspected: &IntrospectedToken,
    keyring: &VerifyingRing,
    kind: TokenKind,
    claims: &Claims<'_>,
) -> bool {
    let by = &introspected.by;
    let merchant = by.client.merchant_id;
    let is_of_its_merchant = merchant.is_none() || merchant == claims.merchant_id;
    let default = keyring.policy().audience.as_str();
    let audience = if keyring.is_for_other_api(claims) { claims.audience } else { default };
    let is_for_it = by.client.may_have(audience, default);
    let is_of_its_environment = by.client.environment == claims.environment;
    let is_of_a_kind_to_ask_about = match kind {
        TokenKind::Access => true,
        TokenKind::Refresh => introspected.as_refresh_token && claims.subject == by.id,
    };
    is_of_its_merchant && is_for_it && is_of_its_environment && is_of_a_kind_to_ask_about
}

/// Says whether a token is valid. A refresh token is valid only as long as the authority would exchange it.
async fn is_good(
    installation: &Installation,
    kind: TokenKind,
    claims: &Claims<'_>,
    now: Timestamp,
) -> Result<bool, Error> {
    if kind == TokenKind::Access {
        return Ok(true);
    }
    match installation.judge(claims.subject, |client| vouched_for(client, claims, now)).await {
        Ok(_) => Ok(true),
        Err(Error::RefreshRefused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The members of RFC 7662 §2.2, and Tollgate's own claims.
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
