//! Prints the answer to a call: its body byte for byte, or all of it as one JSON document.

use std::io::{self, IsTerminal, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tollgate_client::cause_of;
use tollgate_commands::Failure;
use tollgate_commands::output::{Reader, written};
use tollgate_core::wire::is_request_id;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest body of an error that is read, in bytes.
const LONGEST_ERROR: usize = 64 * 1024;

/// Prints the body as it arrives, and the head before it if that is asked for. Returns a message if the answer is not a success.
pub(crate) async fn stream(mut response: Response, include: bool) -> Result<Option<String>, Failure> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut out = io::stdout().lock();
    let mut reader = if include { written(out.write_all(&head(&response)))? } else { Reader::There };
    let (mut beginning, mut last) = (Vec::new(), None);
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if beginning.len() < LONGEST_ERROR {
            beginning.extend_from_slice(&chunk);
        }
        last = chunk.last().copied().or(last);
        reader = written(out.write_all(&chunk).and_then(|()| out.flush()))?;
        if reader == Reader::Gone {
            break;
        }
    }
    let refusal = refusal(status, &headers, &beginning);
    // Ends the line, so that the message does not follow the body on it.
    let unended = refusal.is_some() && last.is_some_and(|last| last != b'\n') && out.is_terminal();
    if reader == Reader::There {
        written(if unended { writeln!(out) } else { Ok(()) }.and_then(|()| out.flush()))?;
    }
    Ok(refusal)
}

/// Prints one JSON document: `status`, `headers`, `body`. Returns a message if the answer is not a success.
///
/// A JSON body is shown as it is, other text as a string, and bytes that are not text as `body_base64`. An empty body is left
/// out.
pub(crate) async fn document(mut response: Response) -> Result<Option<String>, Failure> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        body.extend_from_slice(&chunk);
    }
    let mut out = io::stdout().lock();
    let printed = write!(out, r#"{{"status":{},"headers":{}"#, status.as_u16(), values(&headers))
        .and_then(|()| match std::str::from_utf8(&body) {
            Ok("") => Ok(()),
            // Kept in its original form: a number may have more digits than a parser keeps.
            Ok(text) => match serde_json::from_str::<&RawValue>(text) {
                Ok(raw) => write!(out, r#","body":{raw}"#),
                Err(_) => write!(out, r#","body":{}"#, json!(text)),
            },
            Err(_) => write!(out, r#","body_base64":"{}""#, STANDARD.encode(&body)),
        })
        .and_then(|()| writeln!(out, "}}"))
        .and_then(|()| out.flush());
    written(printed)?;
    Ok(refusal(status, &headers, &body))
}

fn broken(error: &reqwest::Error) -> Failure {
    Failure::new(format!("the answer is incomplete: {}", cause_of(error)))
}

/// Returns the status line and the headers, as curl shows them.
fn head(response: &Response) -> Vec<u8> {
    let reason = response.status().canonical_reason().unwrap_or_default();
    let mut head =
        format!("{:?} {} {reason}\r\n", response.version(), response.status().as_u16()).into_bytes();
    for (name, value) in response.headers() {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head
}

/// Returns each header with its values.
fn values(headers: &HeaderMap) -> Value {
    let values = |name| {
        let values = headers.get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect::<Vec<_>>()
    };
    headers.keys().map(|name| (name.to_string(), json!(values(name)))).collect::<Map<_, _>>().into()
}

/// Returns the message for an answer that is not a success: the status, the code of its envelope, and the request id.
fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if status.as_u16() < 300 {
        return None;
    }
    let envelope = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let code = envelope["error"]["code"].as_str().filter(|code| is_code(code));
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // Other text of a server must not get to a terminal.
    let request_id = header(REQUEST_ID).filter(|id| is_request_id(id.as_bytes()));
    let seconds = header(RETRY_AFTER).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = seconds.and_then(|text| text.parse::<u32>().ok());
    let parts = [
        Some(status.as_u16().to_string()),
        code.map(|code| format!(" {code}")),
        request_id.map(|id| format!(", request id {id}")),
        seconds.map(|seconds| format!(": try again in {seconds} s")),
        status.is_redirection().then(|| ": redirects are not followed".to_owned()),
    ];
    Some(parts.into_iter().flatten().collect())
}

/// Says whether a text looks like the code of an error. A token doesn't.
fn is_code(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    plain && (1..=64).contains(&text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_named_by_status_code_and_request_id_and_by_nothing_else() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, "r-1".parse().unwrap());
        headers.insert(RETRY_AFTER, "7".parse().unwrap());
        let body = br#"{"success":false,"error":{"code":"UNAVAILABLE","message":"m"}}"#;
        let refusal = |status, body: &[u8]| refusal(StatusCode::from_u16(status).unwrap(), &headers, body);
        assert_eq!(refusal(503, body).unwrap(), "503 UNAVAILABLE, request id r-1: try again in 7 s");
        let evil = br#"{"error":{"code":"\u001b[2J"}}"#;
        assert_eq!(refusal(404, evil).unwrap(), "404, request id r-1: try again in 7 s");
        assert_eq!(refusal(404, b"no JSON").unwrap(), "404, request id r-1: try again in 7 s");
        let redirect = "302, request id r-1: try again in 7 s: redirects are not followed";
        assert_eq!(refusal(302, b"moved").unwrap(), redirect);
        assert_eq!(refusal(201, body), None);
    }
}
