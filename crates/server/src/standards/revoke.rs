//! `POST /oauth2/revoke` (RFC 7009): a client ends a token of its own before its time.

use std::net::IpAddr;

use bytes::Bytes;
use http::Request;
use tollgate_core::{PayloadBuffer, Timestamp};

use crate::authority::answer;
use crate::edge::RequestBody;
use crate::error::Error;
use crate::server::Server;
use crate::standards::{Answered, presented};

/// Revokes a token, in the store and here, before it answers. What is no good token any more needs no revoking, and is
/// answered alike (RFC 7009 §2.2); a good one of another client is refused, as §2.1 asks.
pub(super) async fn post(
    server: &Server,
    from: IpAddr,
    now: Timestamp,
    request: Request<impl RequestBody>,
) -> Result<Answered, Error> {
    let (client, token) = presented::receive(server, from, now, request).await?;
    // Boxed: they outlive an await, and a large future costs more to move than this to allocate.
    let mut buffers = Box::new([PayloadBuffer::new(), PayloadBuffer::new()]);
    let installation = server.installation();
    match presented::verify(installation.verifier(), token.as_bytes(), now, &mut buffers)? {
        Some((kind, claims)) if claims.subject == client.id => {
            installation.revoke_token(kind, &claims, now).await?;
        }
        Some(_) => return Err(Error::AnothersToken),
        None => {}
    }
    Ok(Answered::to(&client, answer(Bytes::from_static(DONE))))
}

/// The status says it all (RFC 7009 §2.2), but some clients refuse an answer that is no JSON.
const DONE: &[u8] = b"{}";
