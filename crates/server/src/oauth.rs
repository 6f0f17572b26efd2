//! The endpoints that every OAuth client knows: requests and answers as the RFCs have them, without the envelope.
//!
//! What they decide is decided by the same code as under `/api/v1`: a client proves itself by
//! [`authenticated`](crate::oauth::authenticated), and what it gets is said by [`grant`](crate::oauth::grant).
//! Only the form of requests, answers and errors is of this room.

pub(crate) mod answer;
pub(crate) mod authenticated;
mod error;
mod form_token;
pub(crate) mod grant;
mod introspect;
mod introspected_token;
pub(crate) mod metadata;
pub(crate) mod parameters;
pub(crate) mod refresh;
mod request;
mod revoke;
pub(crate) mod sensitive;
pub(crate) mod token;

use std::net::IpAddr;

use tollgate_http::edge::RequestBody;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use tollgate_core::{ClientId, Timestamp};

use crate::error::Error;
use crate::oauth::authenticated::Authenticated;
use crate::panics::catch_panic;
use crate::response::Body;
use crate::route::Route;
use crate::state::State;

/// What an endpoint has come to.
struct Answered {
    response: Response<Full<Bytes>>,
    /// Who asked, where a client must prove itself.
    client: Option<ClientId>,
}

impl Answered {
    fn to(client: &Authenticated, response: Response<Full<Bytes>>) -> Self {
        Self { response, client: Some(client.id) }
    }

    fn to_anybody(response: Response<Full<Bytes>>) -> Self {
        Self { response, client: None }
    }
}

/// Answers a request to one of the endpoints. A panic becomes 500.
pub(crate) async fn answer(
    state: &State,
    route: Route,
    from: IpAddr,
    now: Timestamp,
    request: Request<impl RequestBody>,
) -> (Response<Body>, Option<ClientId>) {
    let outcome = catch_panic(async {
        match route {
            Route::StandardToken => form_token::post(state, from, now, request).await,
            Route::Introspect => introspect::post(state, from, now, request).await,
            Route::Revoke => revoke::post(state, from, now, request).await,
            Route::ServerMetadata => {
                let path = request.uri().path();
                metadata::describe(&state.config().public_url, request.method(), path)
                    .map(Answered::to_anybody)
            }
            Route::KeySet => metadata::keys(request.method()).map(Answered::to_anybody),
            _ => Err(Error::NotFound),
        }
    });
    let (response, client) = match outcome.await {
        Ok(Ok(Answered { response, client })) => (response, client),
        Ok(Err(error)) | Err(error) => (error.oauth_response(), None),
    };
    (response.map(Either::Left), client)
}
