//! How requests are sent: by reqwest with the middleware, or by hyper with the layer of tower.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Extensions, Request, Response, StatusCode};
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use reqwest_middleware::{ClientWithMiddleware, Middleware, Next};
use tollgate_client::{Authorizer, CallError, Replay, Unavailable};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};

use crate::clock::standing;
use crate::pieces::pieces;

/// A body at hand, or one that comes in pieces.
type Body = Either<Full<Bytes>, Channel<Bytes>>;
type Sent = Result<Response<Incoming>, CallError<hyper_util::client::legacy::Error>>;

/// What sends requests with the token.
#[derive(Clone)]
pub(crate) enum Through {
    Reqwest(ClientWithMiddleware),
    Tower(
        BoxCloneSyncService<Request<Body>, Response<Incoming>, CallError<hyper_util::client::legacy::Error>>,
    ),
}

/// Why there is no answer.
pub(crate) enum Failed {
    Unavailable(Unavailable),
    Other(String),
}

impl Through {
    pub(crate) fn new(variant: &str, http: reqwest::Client, authorizer: &Authorizer) -> Self {
        match variant {
            "reqwest" => {
                let client = reqwest_middleware::ClientBuilder::new(http);
                Self::Reqwest(client.with(authorizer.clone()).with(Standing).build())
            }
            "tower" => {
                let client: Client<HttpConnector, Replay<Body>> =
                    Client::builder(TokioExecutor::new()).build_http();
                let inner = service_fn(move |request| standing(client.request(request)));
                Self::Tower(BoxCloneSyncService::new(authorizer.layer(inner)))
            }
            other => panic!("there is no {other}"),
        }
    }

    /// Sends a request, whose body is at hand or comes in pieces. Returns the status when the answer has been read.
    pub(crate) async fn send(&self, request: Request<Bytes>, stream: bool) -> Result<StatusCode, Failed> {
        let (head, bytes) = request.into_parts();
        match self {
            Self::Reqwest(client) => {
                let body =
                    if stream { reqwest::Body::wrap(pieces(bytes)) } else { reqwest::Body::from(bytes) };
                let request = reqwest::Request::try_from(Request::from_parts(head, body)).unwrap();
                let answer = client.execute(request).await.map_err(failed_in_middleware)?;
                let status = answer.status();
                standing(answer.bytes()).await.map_err(|error| Failed::Other(said(&error)))?;
                Ok(status)
            }
            Self::Tower(service) => {
                let body = if stream { Either::Right(pieces(bytes)) } else { Either::Left(Full::new(bytes)) };
                let answer: Sent = service.clone().oneshot(Request::from_parts(head, body)).await;
                let answer = answer.map_err(failed)?;
                let status = answer.status();
                standing(answer.into_body().collect()).await.map_err(|error| Failed::Other(said(&error)))?;
                Ok(status)
            }
        }
    }
}

impl fmt::Debug for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reqwest(client) => client.fmt(f),
            Self::Tower(service) => service.fmt(f),
        }
    }
}

/// The last of the middleware: what is below it is HTTP.
struct Standing;

#[async_trait]
impl Middleware for Standing {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        standing(next.run(request, extensions)).await
    }
}

fn failed_in_middleware(error: reqwest_middleware::Error) -> Failed {
    match error {
        reqwest_middleware::Error::Middleware(inner) => match inner.downcast() {
            Ok(unavailable) => Failed::Unavailable(unavailable),
            Err(other) => Failed::Other(format!("{other:?}")),
        },
        reqwest_middleware::Error::Reqwest(error) => Failed::Other(said(&error)),
    }
}

fn failed(error: CallError<hyper_util::client::legacy::Error>) -> Failed {
    match error {
        CallError::Unavailable(unavailable) => Failed::Unavailable(unavailable),
        CallError::Inner(error) => Failed::Other(said(&error)),
    }
}

/// An error with its causes.
fn said(error: &(dyn Error + 'static)) -> String {
    let causes = error.source().map(said).unwrap_or_default();
    format!("{error} {error:?} {causes}")
}
