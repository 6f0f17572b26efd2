//! A request to one of the endpoints: who may send it, its body, and the fields of a form.

use std::borrow::Cow;
use std::ops::Deref;

use bytes::{Bytes, BytesMut};
use http::header::ORIGIN;
use http::{HeaderMap, HeaderName, Method, Request};
use tollgate_core::Scope;
use tollgate_http::{Media, Problem, Problems, RequestBody, read_body};
use zeroize::Zeroize;

use crate::caller::Caller;
use crate::error::Error;
use crate::oauth::authenticated::{Authenticated, Credentials};
use crate::oauth::parameters::{Parameters, Times, present, read_form};
use crate::state::{Arrival, State};

/// Refuses requests from pages in a browser: a secret or token must never reach a browser.
///
/// `Sec-Fetch-Mode` alone is no sign of a browser: server runtimes send it with their `fetch`.
pub fn check_sender(headers: &HeaderMap) -> Result<(), Error> {
    const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    let is_of_a_browser = headers.contains_key(ORIGIN) || headers.contains_key(SEC_FETCH_SITE);
    if is_of_a_browser { Err(Error::Browser) } else { Ok(()) }
}

/// Takes only `POST`, and only from servers. The rest of the request is dropped here: a handler that kept it would carry it along
/// while it waits.
pub(super) fn take_post<B>(request: Request<B>) -> Result<(HeaderMap, B), Error> {
    let (head, body) = request.into_parts();
    check_sender(&head.headers)?;
    if head.method != Method::POST {
        return Err(Error::MethodNotAllowed { allow: "POST" });
    }
    Ok((head.headers, body))
}

/// The longest body that is read: 64 KiB.
pub const MAX_BODY: usize = 64 * 1024;

/// Takes a form that a server has sent by `POST`, and reads the whole body.
pub(super) async fn receive(
    state: &State,
    request: Request<impl RequestBody>,
) -> Result<(HeaderMap, SensitiveBody), Error> {
    let (headers, body) = take_post(request)?;
    require(Media::Form, &headers)?;
    let body = read_body(body, MAX_BODY, state.body_timeout()).await?;
    Ok((headers, body.into()))
}

/// Requires a body of this type.
pub(super) fn require(media: Media, headers: &HeaderMap) -> Result<(), Error> {
    media.require(headers).map_err(|why| Error::MediaType { why, expected: media.asked_for() })
}

/// The body of a request with a secret or a token, which is wiped once it has been read.
///
/// It is wiped if nothing else holds it: a body that came along with the head is in the buffer of its connection,
/// which the next request overwrites.
pub(super) struct SensitiveBody(Bytes);

impl From<Bytes> for SensitiveBody {
    fn from(body: Bytes) -> Self {
        Self(body)
    }
}

impl Deref for SensitiveBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SensitiveBody {
    fn drop(&mut self) {
        drop(wiped(std::mem::take(&mut self.0)));
    }
}

/// Wipes a body that nothing else holds, and returns it.
fn wiped(body: Bytes) -> Option<BytesMut> {
    let mut body = body.try_into_mut().ok()?;
    body.as_mut().zeroize();
    Some(body)
}

/// The values of the known parameters; others are ignored (RFC 6749 §3.2).
#[derive(Default)]
pub(super) struct Form<'a> {
    pub(super) parameters: Parameters<'a>,
    pub(super) token: Option<Cow<'a, str>>,
    pub(super) token_type_hint: Option<Cow<'a, str>>,
    /// Every value of `resource` (RFC 8707 §2).
    resources: Vec<Cow<'a, str>>,
    audience: Option<Cow<'a, str>>,
}

impl<'a> Form<'a> {
    /// Reads a body. A known parameter is refused when it is repeated (RFC 6749 §3.2). An unknown parameter may have a meaning elsewhere,
    /// and may be allowed to repeat, as `resource` is (RFC 8707 §2).
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Error> {
        let mut form = Self::default();
        let mut problems = Problems::new();
        read_form(body, &mut problems, |name, value| {
            let slot = match name {
                "token" => &mut form.token,
                "token_type_hint" => &mut form.token_type_hint,
                "audience" => &mut form.audience,
                "resource" => {
                    form.resources.push(value);
                    return Times::Any;
                }
                _ => match form.parameters.slot(name) {
                    Some(slot) => slot,
                    None => return Times::Any,
                },
            };
            *slot = Some(value);
            Times::Once
        })?;
        Ok(problems.or(Some(form))?)
    }

    /// Takes the API that a token is asked for: `resource` (RFC 8707 §2), or `audience`, which other servers use. A token is for
    /// one API only.
    pub(super) fn take_target(&mut self) -> Result<Option<Cow<'a, str>>, Error> {
        let audience = present(self.audience.take());
        let mut named = std::mem::take(&mut self.resources).into_iter().chain(audience);
        let target = named.next();
        if named.any(|other| target.as_ref() != Some(&other)) {
            let problem = Problem::new("resource", "names more than one API; ask for one token for each");
            return Err(Error::Target(problem.into()));
        }
        Ok(target)
    }

    /// Authenticates the client, by Basic or in the body (RFC 6749 §2.3.1).
    pub(super) async fn authenticate(
        &mut self,
        headers: &HeaderMap,
        state: &State,
        arrival: Arrival,
        requested: Option<&Scope>,
        caller: &mut Caller,
    ) -> Result<Authenticated, Error> {
        let credentials = Credentials::read_or_refuse(headers, &mut self.parameters)?;
        credentials.authenticate(state, arrival, requested, caller).await
    }
}

/// Takes a parameter that is required.
pub(super) fn required<'a>(value: Option<Cow<'a, str>>, name: &'static str) -> Result<Cow<'a, str>, Error> {
    present(value).ok_or_else(|| Problem::new(name, "is required").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_wiped_if_nobody_else_holds_it() {
        assert_eq!(wiped(Bytes::from(b"a secret".to_vec())).unwrap(), vec![0; 8]);
        let shared = Bytes::from(b"a secret".to_vec());
        assert!(wiped(shared.clone()).is_none());
        assert_eq!(shared, "a secret");
    }
}
