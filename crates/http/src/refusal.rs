//! The one writer of refusals: an error in its form on the wire.
//!
//! Each crate maps its own enum to a [`Refusal`]; only this file knows the bytes.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::problems::{Problem, Problems};

/// The form in which a refusal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The envelope of `/api/v1`: `{"success":false,"error":{"code":"…","message":"…","metadata":{…}}}`.
    Envelope,
    /// The form of RFC 6749 §5.2: `{"error":"…","error_description":"…"}`.
    OAuth,
}

/// An answer that refuses a request.
///
/// It is JSON that no cache may keep. What else its answer says is added by [`header`](Self::header), in the order of
/// the calls.
///
/// ```
/// use http::StatusCode;
/// use tollgate_http::refusal::{Dialect, Refusal};
///
/// let refusal = Refusal::new(Dialect::Envelope, StatusCode::NOT_FOUND, "NOT_FOUND", "There is nothing here.");
/// let response: http::Response<bytes::Bytes> = refusal.response();
/// let body = r#"{"success":false,"error":{"code":"NOT_FOUND","message":"There is nothing here."}}"#;
/// assert_eq!(response.body(), body);
/// ```
#[derive(Debug, Clone)]
pub struct Refusal<'a> {
    dialect: Dialect,
    status: StatusCode,
    code: &'a str,
    message: Cow<'a, str>,
    problems: Option<Cow<'a, Problems>>,
    headers: HeaderMap,
}

impl<'a> Refusal<'a> {
    /// Makes a refusal with a `code` for programs and a `message` for people.
    pub fn new(
        dialect: Dialect,
        status: StatusCode,
        code: &'a str,
        message: impl Into<Cow<'a, str>>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self { dialect, status, code, message: message.into(), problems: None, headers }
    }

    /// Adds the problems with parts of the request.
    ///
    /// The envelope lists them in `metadata`; RFC 6749 has only one text, in which they replace the message.
    #[must_use]
    pub fn problems(mut self, problems: Option<Cow<'a, Problems>>) -> Self {
        self.problems = problems;
        self
    }

    /// States that the message is about the request as a whole.
    #[must_use]
    pub fn of_the_request(self) -> Self {
        let problem = Problem::new("request", self.message.clone());
        self.problems(Some(Cow::Owned(problem.into())))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds when to try again, in whole seconds and at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Returns the answer.
    pub fn response<B: From<Bytes>>(self) -> Response<B> {
        let mut response = Response::new(B::from(self.body().into()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    fn body(&self) -> Vec<u8> {
        let Self { code, message, problems, .. } = self;
        let problems = problems.as_deref();
        let written = match self.dialect {
            Dialect::Envelope => {
                let error = Error { code, message, metadata: problems };
                serde_json::to_vec(&Envelope { success: false, error })
            }
            Dialect::OAuth => {
                let error_description = problems.map_or_else(|| permitted(message).collect(), description);
                serde_json::to_vec(&OAuthError { error: code, error_description })
            }
        };
        written.expect("strings serialise")
    }
}

/// The reason for a refusal, for the operator: in the answer's extensions, for the layers that count and log it.
#[derive(Debug, Clone)]
pub struct Reason {
    /// The code that the caller got.
    pub code: &'static str,
    /// The reason for the log, in more detail.
    pub text: String,
}

#[derive(Serialize)]
struct Envelope<'a> {
    success: bool,
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Problems>,
}

#[derive(Serialize)]
struct OAuthError<'a> {
    error: &'a str,
    error_description: String,
}

/// Puts all problems in one text. A field can be a name that the caller made up, so a long one is cut.
fn description(problems: &Problems) -> String {
    const LONGEST_FIELD: usize = 64;
    let mut text = String::new();
    for problem in problems {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.extend(permitted(&problem.field).take(LONGEST_FIELD));
        text.push(' ');
        text.extend(permitted(&problem.message));
    }
    text
}

/// Replaces characters that RFC 6749 §5.2 does not permit in a description: it has `%x20-21 / %x23-5B / %x5D-7E`.
fn permitted(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '?' })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(refusal: Refusal<'_>) -> String {
        let response: Response<Bytes> = refusal.response();
        String::from_utf8(response.into_body().into()).unwrap()
    }

    fn refusal(dialect: Dialect, message: &str) -> Refusal<'_> {
        Refusal::new(dialect, StatusCode::BAD_REQUEST, "CODE", message)
    }

    fn problems() -> Problems {
        let mut problems = Problems::from(Problem::new("a.b", "must be \"x\""));
        problems.push(Problem::new("é".repeat(100), "is required"));
        problems
    }

    #[test]
    fn the_envelope_has_metadata_only_with_problems() {
        assert_eq!(
            said(refusal(Dialect::Envelope, "a \"b\"")),
            r#"{"success":false,"error":{"code":"CODE","message":"a \"b\""}}"#
        );
        let about = said(refusal(Dialect::Envelope, "m").of_the_request());
        assert_eq!(
            about,
            r#"{"success":false,"error":{"code":"CODE","message":"m","metadata":{"errors":[{"field":"request","message":"m"}]}}}"#
        );
    }

    #[test]
    fn an_oauth_description_has_the_permitted_characters_only() {
        assert_eq!(
            said(refusal(Dialect::OAuth, "a\\\"é\n.")),
            r#"{"error":"CODE","error_description":"a????."}"#
        );
        let all = said(refusal(Dialect::OAuth, "m").problems(Some(Cow::Owned(problems()))));
        let cut = "?".repeat(64);
        assert_eq!(
            all,
            format!(r#"{{"error":"CODE","error_description":"a.b must be ?x?; {cut} is required"}}"#)
        );
    }

    #[test]
    fn headers_keep_the_order_in_which_they_were_added() {
        let refusal = refusal(Dialect::Envelope, "m")
            .retry_after(Duration::from_millis(1_001))
            .header(http::header::ALLOW, HeaderValue::from_static("GET"));
        let response: Response<Bytes> = refusal.response();
        let names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type", "cache-control", "retry-after", "allow"]);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn callers_told_to_wait_are_told_at_least_a_second() {
        for (wait, said) in [(0, "1"), (1_000, "1"), (1_001, "2"), (29_500, "30")] {
            let refusal = refusal(Dialect::Envelope, "m").retry_after(Duration::from_millis(wait));
            assert_eq!(refusal.response::<Bytes>().headers()[RETRY_AFTER], said);
        }
    }
}
