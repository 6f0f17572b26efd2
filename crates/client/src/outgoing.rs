//! The requests and answers of an [`Authorizer`](crate::Authorizer), whichever HTTP library sends them.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body;

use crate::replay::Rewind;
use crate::unauthorized::is_repeatable;
use crate::{Authorization, Replay};

/// Sends requests, such as an HTTP client. A closure that returns a future implements it.
pub trait Sender<Q: Outgoing> {
    /// The answer to a request.
    type Answer: Incoming;
    /// The error when there is no answer.
    type Error;

    /// Sends a request. The spare is a copy in case the connection breaks; a request without a token has none.
    fn send(
        &mut self,
        request: Q,
        spare: Option<&Spare<Q>>,
    ) -> impl Future<Output = Result<Self::Answer, Self::Error>> + Send;
}

impl<Q, F, Sending, A, E> Sender<Q> for F
where
    Q: Outgoing,
    F: FnMut(Q) -> Sending,
    Sending: Future<Output = Result<A, E>> + Send,
    A: Incoming,
{
    type Answer = A;
    type Error = E;

    fn send(&mut self, request: Q, _: Option<&Spare<Q>>) -> impl Future<Output = Result<A, E>> + Send {
        self(request)
    }
}

/// A request that can be sent a second time.
pub trait Outgoing: Sized {
    /// The data that a second sending needs.
    type Copy;

    /// Returns the method, the URI and the headers. The URI is missing if the address of the request is not a URI.
    fn head(&mut self) -> (Method, Option<Uri>, &mut HeaderMap);

    /// Begins to keep the data that a second sending needs. It is called once, when the headers are complete.
    fn copy(&mut self) -> Self::Copy;

    /// Says whether the copy still has the whole body.
    fn is_whole(copy: &Self::Copy) -> bool;

    /// Returns the request again, if the copy is complete. An earlier sending that still reads the body is cut off.
    fn again(copy: &Self::Copy) -> Option<Self>;
}

/// The answer to a request.
pub trait Incoming {
    /// Returns the status and the headers.
    fn head(&self) -> (StatusCode, &HeaderMap);

    /// Returns the URL that the answer came from, if redirects may have led elsewhere.
    fn url(&self) -> Option<&str> {
        None
    }
}

/// A request with a token, as it can be sent again.
pub struct Spare<Q: Outgoing> {
    copy: Q::Copy,
    repeatable: bool,
    /// The token, if it is newer than the copy's.
    authorization: Option<HeaderValue>,
}

impl<Q: Outgoing> Spare<Q> {
    pub(crate) fn of(request: &mut Q) -> Self {
        let (method, _, headers) = request.head();
        let repeatable = is_repeatable(&method, headers);
        Self { copy: request.copy(), repeatable, authorization: None }
    }

    /// Replaces the token.
    pub(crate) fn renew(&mut self, newer: &Authorization) {
        self.authorization = Some(newer.header().clone());
    }

    /// Says whether the request may arrive twice without harm: its method is idempotent (RFC 9110 §9.2.2), or it has an
    /// `Idempotency-Key`.
    pub fn may_arrive_twice(&self) -> bool {
        self.repeatable
    }

    /// Returns the request again, unless its body was too long to be kept. An earlier sending that still reads the body is cut
    /// off.
    pub fn request(&self) -> Option<Q> {
        let mut request = Q::again(&self.copy)?;
        if let Some(authorization) = &self.authorization {
            request.head().2.insert(AUTHORIZATION, authorization.clone());
        }
        Some(request)
    }

    pub(crate) fn is_whole(&self) -> bool {
        Q::is_whole(&self.copy)
    }
}

/// A request with a body in memory.
impl<B: Clone> Outgoing for Request<B> {
    type Copy = Self;

    fn head(&mut self) -> (Method, Option<Uri>, &mut HeaderMap) {
        (self.method().clone(), Some(self.uri().clone()), self.headers_mut())
    }

    fn copy(&mut self) -> Self {
        self.clone()
    }

    fn is_whole(_: &Self) -> bool {
        true
    }

    fn again(copy: &Self) -> Option<Self> {
        Some(copy.clone())
    }
}

/// A request with a body that streams.
impl<B: Body> Outgoing for Request<Replay<B>> {
    type Copy = (Request<()>, Rewind<B>);

    fn head(&mut self) -> (Method, Option<Uri>, &mut HeaderMap) {
        (self.method().clone(), Some(self.uri().clone()), self.headers_mut())
    }

    fn copy(&mut self) -> Self::Copy {
        let mut head = Request::new(());
        *head.method_mut() = self.method().clone();
        *head.uri_mut() = self.uri().clone();
        *head.version_mut() = self.version();
        *head.headers_mut() = self.headers().clone();
        *head.extensions_mut() = self.extensions().clone();
        (head, self.body().keep())
    }

    fn is_whole((_, rewind): &Self::Copy) -> bool {
        rewind.is_possible()
    }

    fn again((head, rewind): &Self::Copy) -> Option<Self> {
        let body = rewind.rewind()?;
        Some(head.clone().map(|()| body))
    }
}

/// A reqwest request. A streaming body is kept while it is sent; any other body can be cloned.
impl Outgoing for reqwest::Request {
    type Copy = (Option<Self>, Option<Rewind<reqwest::Body>>);

    fn head(&mut self) -> (Method, Option<Uri>, &mut HeaderMap) {
        (self.method().clone(), self.url().as_str().parse().ok(), self.headers_mut())
    }

    fn copy(&mut self) -> Self::Copy {
        if let Some(clone) = self.try_clone() {
            return (Some(clone), None);
        }
        let stream = self.body_mut().take();
        let head = self.try_clone();
        let rewind = stream.map(|stream| {
            let body = Replay::new(stream);
            let rewind = body.keep();
            *self.body_mut() = Some(reqwest::Body::wrap(body));
            rewind
        });
        (head, rewind)
    }

    fn is_whole((head, rewind): &Self::Copy) -> bool {
        head.is_some() && rewind.as_ref().is_none_or(Rewind::is_possible)
    }

    fn again((head, rewind): &Self::Copy) -> Option<Self> {
        let mut request = head.as_ref()?.try_clone()?;
        if let Some(rewind) = rewind {
            *request.body_mut() = Some(reqwest::Body::wrap(rewind.rewind()?));
        }
        Some(request)
    }
}

impl<B> Incoming for Response<B> {
    fn head(&self) -> (StatusCode, &HeaderMap) {
        (self.status(), self.headers())
    }
}

impl Incoming for reqwest::Response {
    fn head(&self) -> (StatusCode, &HeaderMap) {
        (self.status(), self.headers())
    }

    fn url(&self) -> Option<&str> {
        Some(reqwest::Response::url(self).as_str())
    }
}
