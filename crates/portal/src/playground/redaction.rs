//! What the browser is shown of an exchange: everything but secrets and the signatures of tokens.

use std::fmt::Write as _;

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode, Version};
use serde_json::Value;
use tollgate_core::Timestamp;
use tollgate_guard::Denial;

use super::calls::Exchange;
use crate::time_format::utc;
use tollgate_http::refusal::Reason;

/// The most answers that are listed one by one.
const FEW: usize = 3;
/// How many characters of a token's claims are shown when the token is not the subject.
const CLAIMS: usize = 12;

/// The outcome of an action.
pub(super) struct Outcome {
    pub(super) title: &'static str,
    /// The value of the button that was pressed.
    pub(super) button: &'static str,
    /// The meaning of the outcome, in a sentence or two.
    pub(super) lead: String,
    pub(super) exchanges: Vec<Shown>,
    /// The page of the payment that it is about, if there is one.
    pub(super) page: Option<String>,
}

impl Outcome {
    /// Returns where the button is in the page; the button for credentials is gone once they were accepted.
    pub(super) fn place(&self) -> String {
        if self.button == "sign-in" { "step-1".to_owned() } else { format!("act-{}", self.button) }
    }

    /// Returns the statuses of the answers, for the list of former actions.
    pub(super) fn answers(&self) -> String {
        if self.exchanges.len() > FEW {
            return format!("{} requests", self.exchanges.len());
        }
        let answers = self.exchanges.iter().map(|shown| match &shown.code {
            Some(code) => format!("{} {code}", shown.status),
            None => shown.status.to_string(),
        });
        answers.collect::<Vec<_>>().join(", ")
    }
}

/// A request and its answer, as texts.
pub(super) struct Shown {
    /// The caption, if there are several exchanges.
    pub(super) caption: String,
    pub(super) line: String,
    pub(super) status: u16,
    pub(super) reason_phrase: &'static str,
    pub(super) code: Option<String>,
    pub(super) challenge: Option<String>,
    pub(super) request: String,
    pub(super) response: String,
    /// The answer's body, with a line for each member.
    pub(super) json: String,
    /// The call as a shell command.
    pub(super) curl: Option<String>,
    /// The log's reason for a refusal, which callers are not told.
    pub(super) log: Option<String>,
    /// The verdict of `tollgate inspect` on the token.
    pub(super) verdict: Option<String>,
    /// The time at which it was answered, if that is not the present.
    pub(super) moved_to: Option<String>,
}

impl Shown {
    /// Returns an exchange as it is shown. `host` is the server's name in the browser.
    pub(super) fn of(host: &str, exchange: &Exchange, curl: Option<String>) -> Self {
        let (status, headers) = (exchange.response.status(), exchange.response.headers());
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = masked(exchange.response.body());
        Self {
            caption: String::new(),
            line: format!("{} {}", exchange.method, exchange.target),
            status: status.as_u16(),
            reason_phrase: status.canonical_reason().unwrap_or_default(),
            code: code(&body),
            challenge: header("www-authenticate"),
            request: request(exchange, host),
            response: answer(status, headers, &body),
            json: serde_json::to_string_pretty(&body).expect("what was parsed serialises"),
            curl,
            log: reason(exchange),
            verdict: exchange.verdict.as_ref().map(|verdict| verdict.text.clone()),
            moved_to: None,
        }
    }

    pub(super) fn called(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// Marks the exchange as answered at another time.
    pub(super) fn moved_to(mut self, then: Timestamp) -> Self {
        self.moved_to = Some(utc(then));
        self
    }

    pub(super) fn is_refusal(&self) -> bool {
        self.status >= 400
    }
}

fn request(exchange: &Exchange, host: &str) -> String {
    let mut text = format!("{} {} HTTP/1.1\nhost: {host}\n", exchange.method, exchange.target);
    write_headers(&mut text, &exchange.sent);
    let body = &exchange.sent_body;
    if !body.is_empty() {
        let shown = match serde_json::from_slice::<Value>(body) {
            Ok(_) => masked(body).to_string(),
            Err(_) => cut(&String::from_utf8_lossy(body)),
        };
        let _ = write!(text, "content-length: {}\n\n{shown}", body.len());
    }
    text
}

fn answer(status: StatusCode, headers: &HeaderMap, body: &Value) -> String {
    let mut text = format!("{:?} {status}\n", Version::HTTP_11);
    write_headers(&mut text, headers);
    if !body.is_null() {
        let _ = write!(text, "\n{body}");
    }
    text
}

fn write_headers(text: &mut String, headers: &HeaderMap) {
    for (name, value) in headers {
        let value = value.to_str().unwrap_or("…");
        let value = match value.split_once(' ') {
            Some(("Basic", _)) if name == AUTHORIZATION => "Basic …".to_owned(),
            _ => cut(value),
        };
        let _ = writeln!(text, "{name}: {value}");
    }
}

/// Returns a JSON body with its secrets masked.
fn masked(body: &[u8]) -> Value {
    let mut value = serde_json::from_slice(body).unwrap_or(Value::Null);
    mask(&mut value);
    value
}

fn mask(value: &mut Value) {
    match value {
        Value::String(text) => *text = cut(text),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(members) => {
            for (name, member) in members {
                if name == "client_secret" {
                    *member = "…".into();
                } else {
                    mask(member);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Removes the signature and most of the claims of every token in a text, and the secret part of every client secret.
pub(super) fn cut(text: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&letter);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        shown.push_str(&cut_word(&rest[..word]));
        let after = &rest[word..];
        let gap = after.find(is_part).unwrap_or(after.len());
        shown.push_str(&after[..gap]);
        rest = &after[gap..];
    }
    shown
}

fn cut_word(word: &str) -> String {
    if let Some(at) = word.find("tg_test_").or_else(|| word.find("tg_live_")) {
        return format!("{}…", &word[..at + "tg_test_".len()]);
    }
    let mut segments = word.split('.');
    match (segments.next(), segments.next(), segments.next()) {
        (Some(header), Some(claims), Some(_)) if word.contains("eyJ") => {
            let shown = claims.get(..CLAIMS).unwrap_or(claims);
            format!("{header}.{shown}…")
        }
        _ => word.to_owned(),
    }
}

fn code(body: &Value) -> Option<String> {
    let code = body["error"]["code"].as_str().or_else(|| body["error"].as_str());
    code.map(str::to_owned)
}

/// Returns the log's reason for a refusal.
fn reason(exchange: &Exchange) -> Option<String> {
    let extensions = exchange.response.extensions();
    let denial = extensions.get::<Denial>().map(ToString::to_string);
    denial.or_else(|| extensions.get::<Reason>().map(|reason| reason.text.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_loses_its_signature_wherever_it_stands() {
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl-_";
        let shown = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ4…";
        for frame in ["{}", "Bearer {}", "token={}", "{\"a\":\"{}\"}", "({}, {})"] {
            assert_eq!(cut(&frame.replace("{}", token)), frame.replace("{}", shown));
        }
        assert_eq!(cut(&format!("x{token}y.z")), format!("x{shown}"));
        for plain in ["", "127.0.0.1:8080", "a.b.c", "é.ü.ö", "GET /api/v1/x?limit=1 HTTP/1.1"] {
            assert_eq!(cut(plain), plain);
        }
    }

    #[test]
    fn a_secret_is_shown_by_its_prefix_and_in_a_body_not_at_all() {
        assert_eq!(cut("a tg_test_0123456789abcdef b"), "a tg_test_… b");
        let body =
            masked(br#"{"client_id":"i","client_secret":"imported, without a prefix","x":["tg_live_abc"]}"#);
        assert_eq!(body.to_string(), r#"{"client_id":"i","client_secret":"…","x":["tg_live_…"]}"#);
    }
}
