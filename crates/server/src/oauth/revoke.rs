//! `POST /oauth2/revoke` (RFC 7009): a client revokes a token of its own.

use bytes::Bytes;
use http::Request;
use tollgate_http::RequestBody;
use tollgate_store::{Actor, ActorKind};

use crate::caller::Caller;
use crate::error::Error;
use crate::oauth::introspected_token::{self, Buffers, IntrospectedToken};
use crate::response::{Answer, about_tokens};
use crate::state::{Arrival, State};

/// Revokes a token, in the store and here, before it answers. A token that is no longer valid need not be revoked, and is
/// answered alike (RFC 7009 §2.2). So is another client's: nothing happens to it, and the caller doesn't learn that it is valid.
pub(super) async fn post(
    state: &State,
    arrival: Arrival,
    request: Request<impl RequestBody>,
    caller: &mut Caller,
) -> Result<Answer, Error> {
    let IntrospectedToken { by, token, .. } =
        introspected_token::receive(state, arrival, request, caller).await?;
    // Boxed: they outlive an await, and a large future costs more to move than this to allocate.
    let mut buffers = Box::<Buffers>::default();
    let installation = state.installation();
    let found = introspected_token::verify(installation, token.as_bytes(), arrival.now, &mut buffers).await?;
    if let Some((kind, claims)) = found.filter(|(_, claims)| claims.subject == by.id) {
        let actor = Actor {
            from: arrival.from.known().map(|address| address.to_string()),
            ..Actor::new(ActorKind::Client(claims.subject))
        };
        caller.token = Some(claims.id);
        installation.revoke_token(kind, &claims, arrival.now, &actor).await?;
    }
    Ok(about_tokens(Bytes::from_static(DONE)))
}

/// The body of the answer. The status would be enough (RFC 7009 §2.2), but some clients refuse an answer that is not JSON.
const DONE: &[u8] = b"{}";
