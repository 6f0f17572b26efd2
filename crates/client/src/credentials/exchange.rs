//! One call to the authority: the request, its limits, and the meaning of the answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::{Serializer, byte_serialize};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use reqwest::Url;
use serde::Serialize;
use tollgate_core::wire::is_request_id;
use tracing::Instrument;
use zeroize::Zeroizing;

use super::dialect::{Answer, ClientAuthentication, Kind};
use super::transport::Transport;
use crate::{Clock, Fault, ObtainError, Reading, Rejection, Secret, Token, telemetry};

/// The capacity for a request, which hardly any exceeds, in bytes.
const USUAL_BODY: usize = 4 * 1024;
/// The assumed lifetime of a token if the authority gives none, which RFC 6749 §5.1 permits.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// Calls one authority.
pub(super) struct Exchange {
    dialect: Kind,
    scope: Option<String>,
    audience: Option<String>,
    transport: Arc<dyn Transport>,
}

/// The credentials with which a token is requested. A client has its id and its secret.
pub(super) enum Grant<'a> {
    Client((&'a str, &'a str)),
    Refresh { token: &'a str, client: Option<(&'a str, &'a str)> },
}

/// The tokens that were granted.
pub(super) struct Granted {
    pub(super) token: Token,
    pub(super) refresh_token: Option<Secret>,
}

/// Why nothing was granted.
pub(super) enum Failure {
    /// The authority refuses the client or its refresh token.
    Refused(Rejection),
    /// The call failed for any other reason.
    Other(ObtainError),
}

impl From<ObtainError> for Failure {
    fn from(error: ObtainError) -> Self {
        Self::Other(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Other(fault.into())
    }
}

impl Exchange {
    pub(super) fn new(
        dialect: Kind,
        scope: Option<String>,
        audience: Option<String>,
        transport: Arc<dyn Transport>,
    ) -> Self {
        Self { dialect, scope, audience, transport }
    }

    /// Says whether a refresh needs the client's credentials, too.
    pub(super) fn refreshes_as_client(&self) -> bool {
        matches!(self.dialect, Kind::Standard { .. })
    }

    /// Makes the call.
    pub(super) async fn call(&self, grant: &Grant<'_>, clock: &dyn Clock) -> Result<Granted, Failure> {
        let span = tracing::debug_span!("token_call", grant = grant.label());
        let outcome = self.exchange(grant, clock).instrument(span).await;
        telemetry::called(
            grant.label(),
            match &outcome {
                Ok(_) => "granted",
                Err(Failure::Refused(_)) => "refused",
                Err(Failure::Other(error)) => error.label(),
            },
        );
        outcome
    }

    async fn exchange(&self, grant: &Grant<'_>, clock: &dyn Clock) -> Result<Granted, Failure> {
        let request = self.request(grant);
        let sent = clock.now();
        let response = self.transport.send(request).await?;
        let (status, headers, body) = (response.status(), response.headers(), response.body());
        if status != StatusCode::OK {
            let code = self.dialect.code(body);
            let refusal = Rejection { status: status.as_u16(), code, request_id: request_id(headers) };
            return Err(grant.failure(refusal, retry_after(headers, clock.now())));
        }
        let answer = self.dialect.answer(body).ok_or(Fault::Malformed)?;
        granted(&answer, sent).ok_or_else(|| Fault::Malformed.into())
    }

    fn request(&self, grant: &Grant<'_>) -> Request<Bytes> {
        match &self.dialect {
            Kind::PaymentApi { token, refresh } => {
                let (url, body) = match grant {
                    Grant::Refresh { token, .. } => {
                        (refresh, written(&RefreshRequest { refresh_token: token }))
                    }
                    Grant::Client((client_id, client_secret)) => {
                        let (grant_type, scope) = ("client_credentials", self.scope.as_deref());
                        (token, written(&TokenRequest { grant_type, client_id, client_secret, scope }))
                    }
                };
                post(url, "application/json", body)
            }
            Kind::Standard { token, authentication } => {
                let (basic, form) = self.form(grant, *authentication);
                let mut request = post(token, "application/x-www-form-urlencoded", form);
                if let Some(basic) = basic {
                    request.headers_mut().insert(AUTHORIZATION, basic);
                }
                request
            }
        }
    }

    /// Returns the request of RFC 6749 §4.4.2 or §6.
    fn form(
        &self,
        grant: &Grant<'_>,
        authentication: ClientAuthentication,
    ) -> (Option<HeaderValue>, Vec<u8>) {
        let mut form = Serializer::new(String::with_capacity(USUAL_BODY));
        let client = match grant {
            Grant::Client(client) => {
                form.append_pair("grant_type", "client_credentials");
                form.extend_pairs(self.scope.iter().map(|scope| ("scope", scope)));
                form.extend_pairs(self.audience.iter().map(|audience| ("audience", audience)));
                Some(client)
            }
            Grant::Refresh { token, client } => {
                form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token);
                client.as_ref()
            }
        };
        let basic = client.and_then(|(id, secret)| match authentication {
            ClientAuthentication::Basic => Some(basic(id, secret)),
            ClientAuthentication::Post => {
                form.append_pair("client_id", id).append_pair("client_secret", secret);
                None
            }
        });
        (basic, form.finish().into_bytes())
    }
}

impl Grant<'_> {
    fn label(&self) -> &'static str {
        match self {
            Self::Client(_) => "client_credentials",
            Self::Refresh { .. } => "refresh_token",
        }
    }

    /// Classifies an error response. Any client error ends the use of a refresh token, because the secret may work. The client itself
    /// is refused only by an error that is about it; other errors may be temporary.
    fn failure(&self, refusal: Rejection, retry_after: Option<Duration>) -> Failure {
        let refused = match (self, refusal.status) {
            (_, 408 | 429) => false,
            (_, 401 | 403) => true,
            (Self::Refresh { .. }, status) => (400..500).contains(&status),
            (Self::Client(_), status) => status == 400 && refusal.code.is_some(),
        };
        if refused {
            return Failure::Refused(refusal);
        }
        Failure::Other(ObtainError::Transient { fault: Fault::Status(refusal), retry_after })
    }
}

/// The body of `POST /api/v1/oauth2/token`.
#[derive(Serialize)]
struct TokenRequest<'a> {
    grant_type: &'static str,
    client_id: &'a str,
    client_secret: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}

/// The body of `POST /api/v1/oauth2/refresh`.
#[derive(Serialize)]
struct RefreshRequest<'a> {
    refresh_token: &'a str,
}

fn written(body: &impl Serialize) -> Vec<u8> {
    // Large enough that it never grows, which would leave a copy behind.
    let mut written = Vec::with_capacity(USUAL_BODY);
    serde_json::to_writer(&mut written, body).expect("texts are written to memory");
    written
}

fn post(url: &Url, content_type: &'static str, body: Vec<u8>) -> Request<Bytes> {
    // The body contains the secret, so it is wiped after it was sent.
    let mut request = Request::new(Bytes::from_owner(Zeroizing::new(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.as_str().parse().expect("the URLs of a dialect are URIs");
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    request
}

/// Returns the header of Basic authentication. Id and secret are form-encoded before they are put together (RFC 6749 §2.3.1).
fn basic(id: &str, secret: &str) -> HeaderValue {
    let mut pair = Zeroizing::new(String::with_capacity(USUAL_BODY));
    pair.extend(byte_serialize(id.as_bytes()));
    pair.push(':');
    pair.extend(byte_serialize(secret.as_bytes()));
    let mut line = String::with_capacity(USUAL_BODY);
    line.push_str("Basic ");
    STANDARD.encode_string(pair.as_bytes(), &mut line);
    let line = Bytes::from_owner(Zeroizing::new(line.into_bytes()));
    let mut value = HeaderValue::from_maybe_shared(line).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    value
}

fn granted(answer: &Answer<'_>, sent: Reading) -> Option<Granted> {
    if answer.token_type.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return None;
    }
    let lifetime = match &answer.expires_in {
        Some(seconds) => seconds.duration()?,
        None => DEFAULT_LIFETIME,
    };
    let token = Token::new(answer.access_token.as_deref()?, sent, lifetime).ok()?;
    let refresh_token = answer.refresh_token.as_deref().filter(|token| !token.is_empty());
    Some(Granted { token, refresh_token: refresh_token.map(|token| Secret::from(token.to_owned())) })
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    is_request_id(id.as_bytes()).then(|| id.to_owned())
}

/// Reads `Retry-After` in both of its forms (RFC 9110 §10.2.3). A date is compared with the answer's own, so that a wrong clock
/// on either side makes no difference.
fn retry_after(headers: &HeaderMap, now: Reading) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let date = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let now = date.unwrap_or_else(|| SystemTime::UNIX_EPOCH + now.wall);
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_in_the_header_is_form_encoded_first_and_sensitive() {
        let value = basic("a:b", "c d");
        assert!(value.is_sensitive());
        let pair = STANDARD.decode(value.to_str().unwrap().strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(pair, b"a%3Ab:c+d");
    }
}
