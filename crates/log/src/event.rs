//! The form of an event's line, for `tracing-subscriber` to write.
//!
//! Events are rare compared with requests, so this may allocate.

use std::{fmt, io::Write as _, time::SystemTime};

use serde::{Serializer as _, ser::SerializeMap as _};
use serde_json::{
    Map, Value,
    ser::{Formatter, Serializer},
};
use tollgate_config::LogFormat;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::{JsonFields, Writer},
    },
    registry::LookupSpan,
};

use crate::escape::{escape, needs_quotes};

/// The field in which `tracing` passes an event's message.
const MESSAGE: &str = "message";

/// Writes an event, with the fields of its spans, as one line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventFormat(pub(crate) LogFormat);

impl<S, N> FormatEvent<S, N> for EventFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope().into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<FormattedFields<JsonFields>>() {
                fields.add_json(of_span);
            }
        }
        let metadata = event.metadata();
        let line = fields.into_line(self.0, *metadata.level(), metadata.target());
        writer.write_str(std::str::from_utf8(&line).map_err(|_| fmt::Error)?)
    }
}

/// The fields of a line, in their order. If two have the same name, the first one stays.
#[derive(Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn with_message(message: &str) -> Self {
        let mut fields = Self::default();
        fields.add(MESSAGE, message);
        fields
    }

    pub(crate) fn add(&mut self, name: &str, value: impl Into<Value>) {
        let name = name.strip_prefix("r#").unwrap_or(name);
        self.0.entry(name).or_insert_with(|| value.into());
    }

    /// Adds the fields of a span in the form of [`JsonFields`].
    fn add_json(&mut self, fields: &str) {
        for (name, value) in serde_json::from_str::<Map<String, Value>>(fields).into_iter().flatten() {
            self.add(&name, value);
        }
    }

    /// Makes the line, newline included.
    pub(crate) fn into_line(self, format: LogFormat, level: Level, target: &str) -> Vec<u8> {
        let time = humantime::format_rfc3339_millis(now()).to_string();
        let mut line = match format {
            LogFormat::Json => self.json(&time, level, target),
            LogFormat::Text => self.text(&time, level, target),
        };
        line.push(b'\n');
        line
    }

    fn json(&self, time: &str, level: Level, target: &str) -> Vec<u8> {
        let mut line = Vec::with_capacity(256);
        let mut json = Serializer::with_formatter(&mut line, Escaping);
        self.serialize(&mut json, time, level, target).expect("a vector takes every write");
        line
    }

    fn serialize(
        &self,
        json: &mut Serializer<&mut Vec<u8>, Escaping>,
        time: &str,
        level: Level,
        target: &str,
    ) -> serde_json::Result<()> {
        let mut object = json.serialize_map(None)?;
        object.serialize_entry("ts", time)?;
        object.serialize_entry("level", level.as_str())?;
        object.serialize_entry("target", target)?;
        for (name, value) in &self.0 {
            match name.as_str() {
                MESSAGE => object.serialize_entry("msg", value)?,
                // A field must not pass for one of the line's own fields.
                "ts" | "level" | "target" | "msg" => object.serialize_entry(&format!("{name}_"), value)?,
                name => object.serialize_entry(name, value)?,
            }
        }
        object.end()
    }

    fn text(&self, time: &str, level: Level, target: &str) -> Vec<u8> {
        let mut line = format!("{time} {level:<5} ").into_bytes();
        escape(&mut line, target);
        line.push(b':');
        for (index, (name, value)) in self.0.iter().enumerate() {
            // The message comes first in a line of text, and its spaces separate nothing.
            let leads = index == 0 && name == MESSAGE;
            line.push(b' ');
            if !leads {
                escape(&mut line, if name == MESSAGE { "msg" } else { name });
                line.push(b'=');
            }
            match value {
                Value::String(text) => push_text(&mut line, text, !leads),
                value => write!(line, "{value}").expect("a vector takes every write"),
            }
        }
        line
    }
}

#[expect(clippy::disallowed_methods, reason = "a line says when it was written; nothing is decided by it")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn push_text(line: &mut Vec<u8>, text: &str, spaces_separate: bool) {
    if needs_quotes(text, spaces_separate) {
        line.push(b'"');
        escape(line, text);
        line.push(b'"');
    } else {
        line.extend_from_slice(text.as_bytes());
    }
}

/// A formatter of compact JSON that also escapes characters which act on a terminal or mislead the reader.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> std::io::Result<()> {
        let mut escaped = Vec::with_capacity(fragment.len());
        escape(&mut escaped, fragment);
        writer.write_all(&escaped)
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), value);
    }

    /// Records infinity and NaN as text, since JSON has neither.
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.add(field.name(), value);
        } else {
            self.add(field.name(), value.to_string());
        }
    }

    /// Records everything else as text, including numbers of 128 bits: most readers of JSON lose some of their digits.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // If a `Debug` fails, what it has written so far is kept, and the line goes on.
        let _ = fmt::write(&mut text, format_args!("{value:?}"));
        self.add(field.name(), text);
    }
}
