//! One line: the buffers that a thread reuses for it, and the visitor that fills it with an event's fields.

use std::{
    fmt::{self, Write as _},
    io::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use tracing::{
    Level,
    field::{Field, Visit},
};

use super::escape::{Escaped, escape, needs_quotes};
use crate::config::LogFormat;

/// A buffer that one huge value has blown up is given back rather than kept for good.
const KEPT: usize = 64 << 10;

/// What a thread needs to build lines without allocating.
#[derive(Default)]
pub(super) struct Scratch {
    line: Vec<u8>,
    value: String,
    names: Names,
    stamp: Stamp,
}

impl Scratch {
    /// Begins a line: time, level, target.
    pub(super) fn start(
        &mut self,
        format: LogFormat,
        now: SystemTime,
        level: Level,
        target: &str,
    ) -> Line<'_> {
        self.line.clear();
        self.line.shrink_to(KEPT);
        self.value.clear();
        self.value.shrink_to(KEPT);
        self.names.clear();
        let out = &mut self.line;
        match format {
            LogFormat::Json => {
                out.extend_from_slice(b"{\"ts\":\"");
                self.stamp.write(out, now);
                out.extend_from_slice(b"\",\"level\":\"");
                out.extend_from_slice(level.as_str().as_bytes());
                out.extend_from_slice(b"\",\"target\":\"");
                escape(out, target);
                out.push(b'"');
            }
            LogFormat::Text => {
                self.stamp.write(out, now);
                out.push(b' ');
                out.extend_from_slice(level.as_str().as_bytes());
                out.extend_from_slice(&b" "[level.as_str().len() - 4..]);
                out.push(b' ');
                escape(out, target);
                out.push(b':');
            }
        }
        Line { format, out: &mut self.line, value: &mut self.value, names: &mut self.names }
    }
}

/// A line in the making. As a visitor it takes the fields of an event; of two with the same name the first stays.
pub(super) struct Line<'a> {
    format: LogFormat,
    out: &'a mut Vec<u8>,
    value: &'a mut String,
    names: &'a mut Names,
}

impl<'a> Line<'a> {
    /// Ends the line and shows it, newline included.
    pub(super) fn finish(self) -> &'a [u8] {
        self.out.extend_from_slice(if self.format == LogFormat::Json { b"}\n" } else { b"\n" });
        self.out
    }

    pub(super) fn message(&mut self, message: &str) {
        self.text(MESSAGE, message);
    }

    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        let leads = name == MESSAGE && self.names.is_empty();
        if self.name(name) {
            // The message leads a line of text, where its spaces are no separators.
            self.text_value(value, !leads);
        }
    }

    pub(super) fn number(&mut self, name: &'static str, value: impl itoa::Integer) {
        if self.name(name) {
            self.number_value(value);
        }
    }

    /// A text under a name that no other field of the line has.
    pub(super) fn known_text(&mut self, name: Known, value: &str) {
        self.out.extend_from_slice(name.of(self.format).as_bytes());
        self.text_value(value, true);
    }

    /// A number under a name that no other field of the line has.
    pub(super) fn known_number(&mut self, name: Known, value: impl itoa::Integer) {
        self.out.extend_from_slice(name.of(self.format).as_bytes());
        self.number_value(value);
    }

    fn text_value(&mut self, value: &str, spaces_separate: bool) {
        if self.format == LogFormat::Text && !needs_quotes(value, spaces_separate) {
            self.out.extend_from_slice(value.as_bytes());
        } else {
            self.out.push(b'"');
            escape(self.out, value);
            self.out.push(b'"');
        }
    }

    fn number_value(&mut self, value: impl itoa::Integer) {
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    fn literal(&mut self, name: &'static str, value: &str) {
        if self.name(name) {
            self.out.extend_from_slice(value.as_bytes());
        }
    }

    fn formatted(&mut self, name: &'static str, value: fmt::Arguments<'_>) {
        // A `Debug` that fails has written what it could; the line goes on.
        match self.format {
            LogFormat::Json => {
                if self.name(name) {
                    self.out.push(b'"');
                    let _ = Escaped(self.out).write_fmt(value);
                    self.out.push(b'"');
                }
            }
            LogFormat::Text => {
                let mut text = std::mem::take(self.value);
                text.clear();
                let _ = text.write_fmt(value);
                self.text(name, &text);
                *self.value = text;
            }
        }
    }

    /// Begins a field, unless the line has one of this name.
    fn name(&mut self, name: &'static str) -> bool {
        let is_first = self.names.is_empty();
        if !self.names.insert(name) {
            return false;
        }
        let shown = name.strip_prefix("r#").unwrap_or(name);
        match self.format {
            LogFormat::Json if name == MESSAGE => self.out.extend_from_slice(b",\"msg\":"),
            LogFormat::Json => {
                self.out.extend_from_slice(b",\"");
                escape(self.out, shown);
                // A field must not pass for one of the line's own.
                let is_taken = matches!(shown, "ts" | "level" | "target" | "msg");
                self.out.extend_from_slice(if is_taken { b"_\":" } else { b"\":" });
            }
            LogFormat::Text if name == MESSAGE && is_first => self.out.push(b' '),
            LogFormat::Text => {
                self.out.push(b' ');
                escape(self.out, if name == MESSAGE { "msg" } else { shown });
                self.out.push(b'=');
            }
        }
        true
    }
}

/// A name that the program knows beforehand, as it stands before a value. Made by [`known`].
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) json: &'static str,
    pub(super) text: &'static str,
}

impl Known {
    fn of(self, format: LogFormat) -> &'static str {
        match format {
            LogFormat::Json => self.json,
            LogFormat::Text => self.text,
        }
    }
}

/// Makes a [`Known`] of a name that needs no escaping.
macro_rules! known {
    ($name:literal) => {
        $crate::log::line::Known { json: concat!(",\"", $name, "\":"), text: concat!(" ", $name, "=") }
    };
}
pub(super) use known;

/// The names of the fields that a line has.
#[derive(Default)]
struct Names {
    list: Vec<&'static str>,
    /// One bit for each, by its length and its last letter: where none is set, no name has to be compared.
    seen: u64,
}

impl Names {
    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn clear(&mut self) {
        self.list.clear();
        self.seen = 0;
    }

    /// Adds a name, unless it is there.
    fn insert(&mut self, name: &'static str) -> bool {
        let last = name.bytes().next_back().unwrap_or_default();
        let bit = 1 << ((name.len() * 7 + usize::from(last)) % 64);
        if self.seen & bit != 0 && self.list.contains(&name) {
            return false;
        }
        self.seen |= bit;
        self.list.push(name);
        true
    }
}

/// The field in which `tracing` hands over an event's message.
const MESSAGE: &str = "message";

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field.name(), value);
    }

    /// As text: numbers of this size lose digits in most readers of JSON.
    fn record_u128(&mut self, field: &Field, value: u128) {
        self.text(field.name(), itoa::Buffer::new().format(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.text(field.name(), itoa::Buffer::new().format(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.literal(field.name(), if value { "true" } else { "false" });
    }

    /// JSON has no infinity and no NaN; they are text.
    fn record_f64(&mut self, field: &Field, value: f64) {
        if !value.is_finite() {
            self.formatted(field.name(), format_args!("{value}"));
        } else if self.name(field.name()) {
            write!(self.out, "{value:?}").expect("a vector takes every write");
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.formatted(field.name(), format_args!("{value:?}"));
    }
}

/// The fields of a span, kept for the events inside it.
#[derive(Default)]
pub(super) struct SpanFields(Vec<(&'static str, Value)>);

enum Value {
    Text(String),
    Literal(String),
}

impl SpanFields {
    pub(super) fn write_to(&self, line: &mut Line<'_>) {
        for (name, value) in &self.0 {
            match value {
                Value::Text(text) => line.text(name, text),
                Value::Literal(literal) => line.literal(name, literal),
            }
        }
    }

    fn set(&mut self, field: &Field, value: Value) {
        self.0.retain(|(name, _)| *name != field.name());
        self.0.push((field.name(), value));
    }
}

impl Visit for SpanFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, Value::Text(value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, Value::Literal(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::Literal(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::Literal(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let text = format!("{value:?}");
        self.set(field, if value.is_finite() { Value::Literal(text) } else { Value::Text(text) });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, Value::Text(format!("{value:?}")));
    }
}

/// Writes times as RFC 3339 in UTC, to the millisecond; all but the milliseconds is made once a second.
#[derive(Default)]
struct Stamp {
    second: Option<u64>,
    /// `2026-01-31T23:59:59`
    text: String,
}

impl Stamp {
    fn write(&mut self, out: &mut Vec<u8>, now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second != Some(since.as_secs()) {
            self.text.clear();
            let _ = write!(self.text, "{}", humantime::format_rfc3339_seconds(UNIX_EPOCH + since));
            self.text.pop();
            self.second = Some(since.as_secs());
        }
        let digit = |value: u32| b'0' + u8::try_from(value % 10).expect("a digit");
        let millis = since.subsec_millis();
        out.extend_from_slice(self.text.as_bytes());
        out.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis), b'Z']);
    }
}
