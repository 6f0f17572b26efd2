//! The middleware for `reqwest`, on the crate `reqwest-middleware`.

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::broken::is_given_up_by_system;
use crate::{Authorizer, CallError, Sender, Spare};

/// An [`Authorizer`] is a middleware of reqwest. The client below it follows redirects as it is set to, and takes the
/// token off where one leads to another origin.
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

/// The rest of the client.
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

/// Whether a request that was not answered is sent again: where it can't have arrived, or may arrive twice. Who waited
/// as long as they were told to is not answered later still.
fn may_repeat(error: &Error, spare: &Spare<Request>) -> bool {
    let Error::Reqwest(error) = error else { return false };
    if error.is_connect() {
        return !error.is_timeout();
    }
    let is_broken = error.is_request() && (!error.is_timeout() || is_given_up_by_system(error));
    is_broken && spare.may_arrive_twice()
}
