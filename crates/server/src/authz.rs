//! Forward authorization: a proxy asks here before it forwards a request.
//!
//! The guard decides. The requirements come from the proxy's configuration, as query parameters, or from the
//! table of routes in Tollgate's configuration. Each endpoint answers in the form that its proxies understand.

mod answer;
pub(crate) mod asks;
mod original;
mod refused;
mod required;
mod routes;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tollgate_guard::Principal;

use self::asks::Asks;
use self::original::Original;
use self::refused::Refused;
use self::required::Required;
pub(crate) use self::routes::RouteTable;
use crate::caller::Caller;
use crate::state::{Arrival, State};

/// Answers whether a request may be forwarded, and if so who sends it.
pub(crate) fn answer<B>(
    state: &State,
    table: &RouteTable,
    asks: Asks,
    arrival: Arrival,
    request: &Request<B>,
    caller: &mut Caller,
) -> Response<Full<Bytes>> {
    match decide(state, table, asks, arrival, request) {
        Ok(principal) => {
            caller.is_let_in(&principal);
            answer::admitted(&principal)
        }
        Err(refused) => answer::refused(asks, refused, state.installation().verifier().realm()),
    }
}

fn decide<B>(
    state: &State,
    table: &RouteTable,
    asks: Asks,
    arrival: Arrival,
    request: &Request<B>,
) -> Result<Principal, Refused> {
    let (uri, headers) = (request.uri(), request.headers());
    let trusts = arrival.peer.is_some_and(|peer| {
        state.settings().trusted_proxies.iter().any(|block| block.contains(&peer.to_canonical()))
    });
    let original = Original::of(asks, request.method(), uri, headers, trusts).map_err(Refused::Unclear)?;
    let required = match (asks, uri.query()) {
        // In Envoy's question, the query is that of the request, and so the caller's.
        (Asks::AsEnvoy, _) | (_, None | Some("")) => table.required(original.as_ref())?,
        (Asks::Plainly | Asks::AsNginx, Some(query)) => {
            Required::of_query(query, |audience| is_known(state, audience)).map_err(Refused::Unclear)?
        }
    };
    let verifier = state.installation().verifier();
    let decided = verifier.decide(headers, Some(arrival.from), &required.requirement, arrival.now);
    decided.map_err(|denial| Refused::Denied { denial, audience: required.audience.clone() })
}

/// Says whether tokens for an audience are issued here, or were, or will be.
fn is_known(state: &State, audience: &str) -> bool {
    let is_accepted = || {
        let keyring = state.installation().verifier().keyring();
        keyring.accepted().iter().any(|accepted| accepted.audience == audience)
    };
    state.config().access_tokens(audience).is_some() || is_accepted()
}
