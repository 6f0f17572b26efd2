//! The middleware for `reqwest`, on the crate `reqwest-middleware`.

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{Extensions, Uri};
use reqwest::{Body, Request, Response, Url};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::broken::is_given_up_by_system;
use crate::replay::Rewind;
use crate::{Attempt, Authorizer, Replay};

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
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let Some(uri) = uri_of(request.url()) else { return next.run(request, extensions).await };
        let method = request.method().clone();
        let attempt =
            self.authorize(&method, &uri, request.headers_mut()).await.map_err(Error::middleware)?;
        let Some(attempt) = attempt else { return next.run(request, extensions).await };
        let again = Again::of(&mut request);
        let first = match next.clone().run(request, extensions).await {
            Err(error) if may_repeat(&error, attempt) => match again.request() {
                Some(repeated) => next.clone().run(repeated, extensions).await?,
                None => return Err(error),
            },
            sent => sent?,
        };
        // A redirect may have led elsewhere, where the token was not sent.
        if !uri_of(first.url()).is_some_and(|uri| self.covers(&uri)) {
            return Ok(first);
        }
        let newer = self.answered(attempt, first.status(), first.headers(), again.is_possible()).await;
        // While another token was waited for, more of the body may have been read.
        let Some((newer, mut again)) = newer.and_then(|newer| Some((newer, again.request()?))) else {
            return Ok(first);
        };
        drop(first);
        again.headers_mut().insert(AUTHORIZATION, newer.header().clone());
        let second = next.run(again, extensions).await?;
        self.refused_again(&newer, second.status(), second.headers());
        Ok(second)
    }
}

/// Whether a request that was not answered is sent again: where it can't have arrived, or may arrive twice. Who waited
/// as long as they were told to is not answered later still.
fn may_repeat(error: &Error, attempt: Attempt) -> bool {
    let Error::Reqwest(error) = error else { return false };
    if error.is_connect() {
        return !error.is_timeout();
    }
    let is_broken = error.is_request() && (!error.is_timeout() || is_given_up_by_system(error));
    is_broken && attempt.is_repeatable()
}

/// The request as it may be sent again.
struct Again {
    request: Option<Request>,
    /// Its body, where that is a stream. Reqwest clones any other.
    stream: Option<Rewind<Body>>,
}

impl Again {
    fn of(request: &mut Request) -> Self {
        if let Some(clone) = request.try_clone() {
            return Self { request: Some(clone), stream: None };
        }
        let stream = request.body_mut().take();
        let clone = request.try_clone();
        let stream = stream.map(|stream| {
            let (kept, rewind) = Replay::new(stream);
            *request.body_mut() = Some(Body::wrap(kept));
            rewind
        });
        Self { request: clone, stream }
    }

    fn is_possible(&self) -> bool {
        self.request.is_some() && self.stream.as_ref().is_none_or(Rewind::is_possible)
    }

    fn request(&self) -> Option<Request> {
        let mut request = self.request.as_ref()?.try_clone()?;
        if let Some(stream) = &self.stream {
            *request.body_mut() = Some(Body::wrap(stream.rewind()?));
        }
        Some(request)
    }
}

fn uri_of(url: &Url) -> Option<Uri> {
    url.as_str().parse().ok()
}
