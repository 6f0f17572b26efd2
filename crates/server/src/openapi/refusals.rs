//! What an operation refuses: each refusal is answered by the mapping that answers it on the wire, and described by what
//! came out.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, Response};
use serde_json::{Map, Value, json};
use tollgate_core::TokenError;
use tollgate_core::wire::Code;
use tollgate_guard::{Denial, Realm};
use tollgate_http::edge;
use tollgate_store::StoreError;

use crate::error::Error;

/// An answer that refuses, as it goes over the wire.
pub(super) struct Refusal {
    /// What the caller decides by: the code, or RFC 6749's `error`.
    name: String,
    when: &'static str,
    form: Form,
    answer: Response<Bytes>,
}

/// In which form it is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Envelope,
    OAuth,
}

impl Form {
    const fn schema(self) -> &'static str {
        match self {
            Self::Envelope => "Error",
            Self::OAuth => "OAuthError",
        }
    }
}

impl Refusal {
    /// As the endpoints under `/api/v1` say it.
    pub(super) fn envelope(error: Error) -> Self {
        let code = error.code();
        Self::in_envelope(code, error.response())
    }

    /// As an endpoint under `/api/v1` that takes a token says it.
    pub(super) fn envelope_in(realm: &Realm, error: Error) -> Self {
        let code = error.code();
        Self::in_envelope(code, error.response_in(realm))
    }

    /// As an OAuth client is told.
    pub(super) fn oauth(error: Error) -> Self {
        let code = error.code();
        let answer: Response<Bytes> = error.oauth_response();
        let name = said(&answer)["error"].as_str().expect("an error has its name").to_owned();
        let when = match code {
            // RFC 6749 tells apart what is one code in the envelope.
            Code::ValidationError | Code::InvalidToken => {
                OAUTH_ERRORS
                    .into_iter()
                    .find(|(known, _)| *known == name)
                    .expect("every name is in the table")
                    .1
            }
            _ => when(code),
        };
        Self { name, when, form: Form::OAuth, answer }
    }

    /// As the guard says it.
    pub(super) fn denial(realm: &Realm, denial: Denial) -> Self {
        Self::in_envelope(denial.code(), denial.response(realm))
    }

    fn in_envelope(code: Code, answer: Response<Bytes>) -> Self {
        Self { name: code.as_str().to_owned(), when: when(code), form: Form::Envelope, answer }
    }
}

/// What the guard refuses before a handler that needs this scope.
pub(super) fn of_the_guard(realm: &Realm, scope: &'static str) -> Vec<Refusal> {
    let denials = [
        Denial::NoToken,
        Denial::InvalidToken(TokenError::Expired),
        Denial::InsufficientScope(scope),
        Denial::Address,
        Denial::Stale,
    ];
    denials.into_iter().map(|denial| Refusal::denial(realm, denial)).collect()
}

/// What reading a body refuses.
pub(super) fn of_a_body(expected: &'static str) -> [Error; 4] {
    [Error::BrokenBody, Error::Timeout, Error::TooLarge, Error::MediaType { expected }]
}

/// What depends on the store.
pub(super) fn of_the_store() -> [Error; 2] {
    [Error::Store(StoreError::Unavailable(String::new())), Error::Internal(String::new())]
}

/// What depends on the answer of the store to a write.
pub(super) const fn of_a_write() -> Error {
    Error::Store(StoreError::OutcomeUnknown(String::new()))
}

/// What an operation answers: status, name and response. It is what the operation refuses itself, and what the edge refuses
/// before it.
pub(super) fn render(refusals: Vec<Refusal>) -> Vec<(String, String, Value)> {
    let edge = edge::refusals().into_iter().filter_map(|(code, answer)| {
        let code = Code::ALL.into_iter().find(|known| known.as_str() == code)?;
        Some(Refusal::in_envelope(code, answer))
    });
    let mut by_status = BTreeMap::<u16, Vec<Refusal>>::new();
    for refusal in refusals.into_iter().chain(edge) {
        by_status.entry(refusal.answer.status().as_u16()).or_default().push(refusal);
    }
    let named = |(status, refusals): (u16, Vec<Refusal>)| {
        let name = format!("{status}_{}", refusals.first().map_or("", |refusal| &refusal.name));
        (status.to_string(), name, response(&refusals))
    };
    by_status.into_iter().map(named).collect()
}

fn response(refusals: &[Refusal]) -> Value {
    let mut descriptions: Vec<String> = Vec::new();
    let mut examples = Map::new();
    for Refusal { name, when, answer, .. } in refusals {
        let description = format!("`{name}`: {when}.");
        if !descriptions.contains(&description) {
            descriptions.push(description);
        }
        let body = said(answer);
        if !examples.values().any(|example| example["value"] == body) {
            examples.insert(unused(&examples, name), json!({"value": body}));
        }
    }
    json!({
        "description": descriptions.join("\n\n"),
        "headers": headers(refusals),
        "content": {"application/json": {"schema": schema(refusals), "examples": examples}},
    })
}

/// A name for one more example.
fn unused(examples: &Map<String, Value>, name: &str) -> String {
    let mut free = name.to_owned();
    let mut number = 2;
    while examples.contains_key(&free) {
        free = format!("{name}_{number}");
        number += 1;
    }
    free
}

/// The form, with the codes that can be there under this status.
fn schema(refusals: &[Refusal]) -> Value {
    let in_form = |form: Form| {
        let mut names: Vec<&str> = Vec::new();
        for refusal in refusals.iter().filter(|refusal| refusal.form == form) {
            if !names.contains(&&*refusal.name) {
                names.push(&refusal.name);
            }
        }
        let narrowed = match form {
            Form::Envelope => json!({"error": {"properties": {"code": {"enum": names}}}}),
            Form::OAuth => json!({"error": {"enum": names}}),
        };
        (!names.is_empty()).then(
            || json!({"$ref": format!("#/components/schemas/{}", form.schema()), "properties": narrowed}),
        )
    };
    match (in_form(Form::OAuth), in_form(Form::Envelope)) {
        (Some(oauth), Some(envelope)) => json!({"anyOf": [oauth, envelope]}),
        (one, other) => one.or(other).unwrap_or_default(),
    }
}

/// The headers that say something about a refusal; always there if each refusal of the status has them.
fn headers(refusals: &[Refusal]) -> Map<String, Value> {
    let mut headers = common_headers();
    for (name, shown) in [
        (CACHE_CONTROL, "Cache-Control"),
        (PRAGMA, "Pragma"),
        (WWW_AUTHENTICATE, "WWW-Authenticate"),
        (RETRY_AFTER, "Retry-After"),
    ] {
        let values = values(refusals, &name);
        let Some(first) = values.first() else { continue };
        let required = refusals.iter().all(|refusal| refusal.answer.headers().contains_key(&name));
        let schema = match &values[..] {
            _ if name == RETRY_AFTER => json!({"type": "integer", "minimum": 1, "description": "Seconds."}),
            [_] => json!({"type": "string", "const": first}),
            values => json!({"type": "string", "enum": values}),
        };
        headers.insert(shown.to_owned(), json!({"required": required, "schema": schema}));
    }
    headers
}

fn values(refusals: &[Refusal], name: &HeaderName) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for value in refusals.iter().filter_map(|refusal| refusal.answer.headers().get(name)) {
        let value = value.to_str().expect("what is answered is visible ASCII").to_owned();
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// The headers that every answer has.
pub(super) fn common_headers() -> Map<String, Value> {
    let reference = |name: &str| (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    ["X-Request-Id", "X-Content-Type-Options"].map(reference).into_iter().collect()
}

fn said(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).expect("a refusal is JSON")
}

/// When a code is answered.
pub(super) const fn when(code: Code) -> &'static str {
    match code {
        Code::ValidationError => {
            "the body, a parameter, a header or the HTTP is malformed; every problem is named at once"
        }
        Code::InvalidClient => "the client is unknown or disabled, or its secret is wrong, lapsed or revoked",
        Code::NoToken => "no bearer token was sent",
        Code::InvalidToken => "the token is malformed, expired, revoked, foreign or of the wrong kind",
        Code::BrowserNotAllowed => "a page in a browser sent it: a request with `Origin` or `Sec-Fetch-Site`",
        Code::Forbidden => "the token lacks the scope, or the client may not call from this address",
        Code::NotFound => "there is nothing at this path",
        Code::PaymentRequestNotFound => "there is no such payment request, or it is another merchant's",
        Code::MerchantNotFound => "there is no such merchant, or the token may not act for it",
        Code::MethodNotAllowed => "the path takes other methods, which `Allow` names",
        Code::RequestTimeout => "the head or the body did not arrive in time",
        Code::IdempotentRequestInProgress => "the first request with this key has not finished",
        Code::PaymentRequestDecided => "the payment was decided otherwise before",
        Code::PaymentRequestExpired => "nobody decided about the payment in time",
        Code::PayloadTooLarge => "the body is longer than 64 KiB",
        Code::UnsupportedMediaType => "the body is of another type, compressed, or not UTF-8",
        Code::IdempotencyKeyReused => "the key was used for another request",
        Code::TooManyRequests => "too many failed authentications of this client from this source",
        Code::HeadersTooLarge => "the head is larger than 16 KiB, or has more than 64 lines",
        Code::InternalError => "a defect of ours; the request id finds it in the log",
        Code::IdempotencyStoreUnavailable => "the key can't be kept right now, and nothing was done",
        Code::OutcomeUnknown => {
            "the answer of the store was lost, so whether it was done is not known: repeat it with the same key"
        }
        Code::Unavailable => {
            "the store is away or was not read for too long, no key signs, or there are too many connections"
        }
    }
}

/// When an error of RFC 6749 is answered.
pub(super) const OAUTH_ERRORS: [(&str, &str); 8] = [
    ("invalid_request", "a parameter is missing or there twice, or the client authenticates in two ways"),
    ("invalid_client", "no credentials were sent, or they are not good"),
    ("invalid_grant", "the token is malformed, expired or revoked, or another client's"),
    ("unsupported_grant_type", "the grant is none that is served"),
    ("invalid_scope", "the scope is malformed, or beyond what is allowed"),
    ("access_denied", "a page in a browser sent it, or the client may not call from this address"),
    ("temporarily_unavailable", "too many failed authentications, or the store is away"),
    ("server_error", "a defect of ours; the request id finds it in the log"),
];
