//! A record as it is shown and exported: one JSON object.

use std::fmt::Write as _;
use std::str::FromStr;

use serde_json::{Value, json};
use tollgate_core::{ClientId, MerchantId, Timestamp};
use tollgate_keys::Link;
use tollgate_store::Record;

/// A record in an export, with the link before it, so that each line can be verified by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The link of the record before this one.
    pub before: Link,
    /// The record itself.
    pub record: Record,
}

/// The error for a line that is not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not a record as `tollgate audit export` writes it")]
pub struct LineError;

/// Returns a record as JSON, without the link by which it is verified.
pub fn shown(record: &Record) -> Value {
    json!({
        "seq": record.link.seq,
        "at": record.at.rfc3339_millis(),
        "actor": record.actor,
        "source": record.source,
        "act": record.act,
        "outcome": record.outcome,
        "object": record.object,
        "client_id": record.client_id.map(|id| id.to_string()),
        "merchant_id": record.merchant_id.map(|id| id.to_string()),
        "before": record.before.as_deref().map(state),
        "after": record.after.as_deref().map(state),
        "reason": record.reason,
        "request_id": record.request_id,
    })
}

/// Reads a recorded state, a JSON object. Any other text, and JSON that would be written differently, is returned as a string.
fn state(text: &str) -> Value {
    let value = serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
    let written = value.as_ref().map(Value::to_string);
    value.filter(|_| written.as_deref() == Some(text)).unwrap_or_else(|| Value::String(text.to_owned()))
}

impl Line {
    /// Returns the line as JSON.
    pub fn to_json(&self) -> Value {
        let mut line = shown(&self.record);
        line["link_before"] = hex(&self.before.mac).into();
        line["link"] = hex(&self.record.link.mac).into();
        line
    }

    /// Reads a line as it stands in a file. It must be exactly what [`to_json`](Self::to_json) writes: another text of the same
    /// record, with a member repeated, left out or added, or a time in more digits, could tell other readers something that was not
    /// recorded.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let line = Self::from_json(&serde_json::from_str(text).map_err(|_| LineError)?)?;
        if in_ascii(&line.to_json().to_string()) == in_ascii(text) { Ok(line) } else { Err(LineError) }
    }

    /// Reads a line from its JSON.
    pub fn from_json(line: &Value) -> Result<Self, LineError> {
        let seq = line["seq"].as_u64().filter(|seq| *seq > 0).ok_or(LineError)?;
        let link = |name: &str, seq| {
            let mac = line[name].as_str().and_then(unhex).ok_or(LineError)?;
            Ok::<_, LineError>(Link { seq, mac })
        };
        let record = Record {
            link: link("link", seq)?,
            at: line["at"].as_str().and_then(time).ok_or(LineError)?,
            actor: text(line, "actor")?.ok_or(LineError)?,
            source: text(line, "source")?,
            act: text(line, "act")?.ok_or(LineError)?,
            outcome: text(line, "outcome")?.ok_or(LineError)?,
            object: text(line, "object")?.ok_or(LineError)?,
            client_id: parsed::<ClientId>(line, "client_id")?,
            merchant_id: parsed::<MerchantId>(line, "merchant_id")?,
            before: recorded_state(&line["before"]),
            after: recorded_state(&line["after"]),
            reason: text(line, "reason")?,
            request_id: text(line, "request_id")?,
        };
        Ok(Self { before: link("link_before", seq - 1)?, record })
    }
}

/// Returns JSON with escapes for characters outside ASCII: an export has some for characters that act on a terminal.
fn in_ascii(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ ..=b'~') => written.push(byte.into()),
            _ => _ = write!(written, "\\u{unit:04x}"),
        }
    }
    written
}

fn text(line: &Value, name: &str) -> Result<Option<String>, LineError> {
    match &line[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(LineError),
    }
}

fn parsed<T: FromStr>(line: &Value, name: &str) -> Result<Option<T>, LineError> {
    text(line, name)?.map(|text| text.parse().map_err(|_| LineError)).transpose()
}

fn recorded_state(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn time(text: &str) -> Option<Timestamp> {
    let time = humantime::parse_rfc3339(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(time.as_millis()).ok().map(Timestamp::from_millis)
}

/// Returns bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8; 32]) -> String {
    let mut text = String::with_capacity(64);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Reads 32 bytes in hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
