//! What commands print: aligned text for people, or one JSON document.

use std::io::{self, Write};
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use tollgate_core::Timestamp;
use tollgate_store::{Client, Merchant, Secret, Status};

use crate::args::Format;
use crate::failure::Failure;

/// Prints one thing: its members, a line each, or as a JSON object.
pub(crate) fn object(format: Format, object: &Value) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let printed = match format {
        Format::Json => writeln!(out, "{object}"),
        Format::Text => write!(out, "{}", members(object)),
    };
    printed.and_then(|()| out.flush()).map_err(|error| closed(&error))
}

/// Prints text as it is.
pub(crate) fn lines(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| closed(&error))
}

/// The members of an object, a line each, their values aligned.
pub(crate) fn members(object: &Value) -> String {
    let members: Vec<_> = object.as_object().into_iter().flatten().collect();
    let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<_> =
        members.iter().map(|(name, value)| format!("{name:<width$}  {}\n", text(value))).collect();
    lines.concat()
}

/// Prints a list as it grows: a line each, or as one JSON array.
pub(crate) struct List {
    out: io::StdoutLock<'static>,
    format: Format,
    columns: &'static [(&'static str, usize)],
    printed: usize,
}

impl List {
    /// Starts a list with these columns and their widths.
    pub(crate) fn start(format: Format, columns: &'static [(&'static str, usize)]) -> Result<Self, Failure> {
        let mut list = Self { out: io::stdout().lock(), format, columns, printed: 0 };
        match format {
            Format::Json => write!(list.out, "["),
            Format::Text => list.row(str::to_owned),
        }
        .map_err(|error| closed(&error))?;
        Ok(list)
    }

    /// Prints one thing.
    pub(crate) fn item(&mut self, item: &Value) -> Result<(), Failure> {
        let separator = if self.printed == 0 { "" } else { "," };
        self.printed += 1;
        match self.format {
            Format::Json => write!(self.out, "{separator}{item}"),
            Format::Text => self.row(|name| text(&item[name])),
        }
        .map_err(|error| closed(&error))
    }

    /// Ends the list.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        match self.format {
            Format::Json => writeln!(self.out, "]"),
            Format::Text => Ok(()),
        }
        .and_then(|()| self.out.flush())
        .map_err(|error| closed(&error))
    }

    fn row(&mut self, cell: impl Fn(&str) -> String) -> io::Result<()> {
        let cells: Vec<String> =
            self.columns.iter().map(|(name, width)| format!("{:<width$}", cell(name))).collect();
        writeln!(self.out, "{}", cells.join("  ").trim_end())
    }
}

/// Says that nobody takes what is printed.
pub(crate) fn closed(error: &io::Error) -> Failure {
    Failure::new(format!("standard output can't be written: {error}"))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// RFC 3339 in UTC, whole seconds.
pub(crate) fn time(time: Timestamp) -> String {
    humantime::format_rfc3339_seconds(SystemTime::from(time)).to_string()
}

/// A merchant as it is shown.
pub(crate) fn merchant(merchant: &Merchant) -> Value {
    json!({
        "merchant_id": merchant.id,
        "name": merchant.name,
        "status": status(merchant.status),
        "created_at": time(merchant.created_at),
    })
}

/// A client as it is shown.
pub(crate) fn client(client: &Client, now: Timestamp) -> Value {
    json!({
        "client_id": client.id,
        "merchant_id": client.merchant_id,
        "name": client.name,
        "environment": client.environment,
        "scope": client.scope.as_str(),
        "allow_from": client.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        "status": status(client.status),
        "live_secrets": client.secrets.iter().filter(|secret| secret_status(secret, now) == "live").count(),
        "created_at": time(client.created_at),
    })
}

/// A secret as it is shown: everything but the secret.
pub(crate) fn secret(secret: &Secret, now: Timestamp) -> Value {
    let mut shown = Map::new();
    shown.insert("secret_id".into(), json!(secret.id));
    shown.insert("status".into(), json!(secret_status(secret, now)));
    shown.insert("created_at".into(), json!(time(secret.created_at)));
    shown.insert("expires_at".into(), json!(secret.expires_at.map(time)));
    shown.insert("revoked_at".into(), json!(secret.revoked_at.map(time)));
    shown.into()
}

fn secret_status(secret: &Secret, now: Timestamp) -> &'static str {
    match (secret.revoked_at, secret.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= now => "lapsed",
        (None, _) => "live",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Enabled => "enabled",
        Status::Disabled => "disabled",
    }
}
