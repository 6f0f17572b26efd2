//! The authorizer as a middleware of reqwest, by the crate `reqwest-middleware`.

use std::io;

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::{Authorizer, CallError, Sender, Spare};

/// Sends requests with the token. The inner client follows redirects as it is configured, and removes the token if one
/// leads to another origin.
///
/// ```
/// use tollgate_client::{Authorizer, Cached, Origin, http_client_builder};
///
/// fn client(cached: Cached) -> Result<reqwest_middleware::ClientWithMiddleware, Box<dyn std::error::Error>> {
///     let url = "https://core.example.com";
///     let authorizer = Authorizer::new(cached, [Origin::of(url)?]);
///     let client = http_client_builder(url)?.build()?;
///     Ok(reqwest_middleware::ClientBuilder::new(client).with(authorizer).build())
/// }
/// ```
#[async_trait]
impl Middleware for Authorizer {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        self.send(request, Through { next, extensions }).await.map_err(|error| match error {
            CallError::Unavailable(unavailable) => Error::middleware(unavailable),
            CallError::Inner(error) => error,
        })
    }
}

/// Sends requests by the rest of the middleware and the client.
struct Through<'a> {
    next: Next<'a>,
    extensions: &'a mut Extensions,
}

impl Sender<Request> for Through<'_> {
    type Answer = Response;
    type Error = Error;

    async fn send(&mut self, request: Request, spare: Option<&Spare<Request>>) -> Result<Response> {
        let sent = self.next.clone().run(request, self.extensions).await;
        let Err(error) = sent else { return sent };
        match spare.filter(|spare| may_repeat(&error, spare)).and_then(Spare::request) {
            Some(again) => self.next.clone().run(again, self.extensions).await,
            None => Err(error),
        }
    }
}

/// Says whether a request without an answer is sent again: it can't have arrived, or may arrive twice. After a timeout that
/// the caller has set, it is not.
fn may_repeat(error: &Error, spare: &Spare<Request>) -> bool {
    let Error::Reqwest(error) = error else { return false };
    if error.is_connect() {
        return !error.is_timeout();
    }
    let is_broken = error.is_request() && (!error.is_timeout() || is_given_up_by_system(error));
    is_broken && spare.may_arrive_twice()
}

/// Says whether the system gave up the connection because nothing was acknowledged. Limits of reqwest cause the same error when
/// an answer takes too long, but without an error number of the system.
fn is_given_up_by_system(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut && io.raw_os_error().is_some()) {
            return true;
        }
        cause = error.source();
    }
    false
}
