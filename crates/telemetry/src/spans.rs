//! Spans that have not ended.

use std::fmt;

use http::HeaderMap;
use opentelemetry::trace::{Status, TraceContextExt as _, TraceId};
use opentelemetry::{Context, KeyValue};

use crate::context;

/// The span of a request that is being answered.
pub struct RequestSpan {
    context: Context,
}

impl RequestSpan {
    pub(crate) fn new(context: Context) -> Self {
        Self { context }
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Returns the id of the trace, in 32 hexadecimal digits.
    pub fn trace_id(&self) -> TraceIdText {
        TraceIdText::of(self.context.span().span_context().trace_id())
    }

    /// Ends the span with the status of the answer. `id` is the request's, as the log has it.
    pub fn answered(self, status: u16, id: &str) {
        let span = self.context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        span.set_attribute(KeyValue::new("tollgate.request_id", id.to_owned()));
        // A caller's mistake is not an error of the server (HTTP semantic conventions).
        if status >= 500 {
            span.set_attribute(KeyValue::new("error.type", status.to_string()));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// Returns the current context, if it is a recorded span.
pub(crate) fn current() -> Option<Context> {
    let is_within = Context::map_current(|context| context.span().is_recording());
    is_within.then(Context::current)
}

/// The span of a call to another server.
pub struct CallSpan {
    context: Context,
}

impl CallSpan {
    pub(crate) fn new(context: Context) -> Self {
        Self { context }
    }

    /// Writes the trace into the headers of the call, also where it is made once more.
    pub fn write(&self, headers: &mut HeaderMap) {
        context::write(self.context.span().span_context(), headers);
    }

    /// Ends the span with the status of the answer.
    pub fn answered(self, status: u16) {
        let span = self.context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 400 {
            self.is_an_error(status.to_string());
        }
        span.end();
    }

    /// Ends the span without an answer. `why` is from a closed set.
    pub fn failed(self, why: &'static str) {
        self.is_an_error(why);
        self.context.span().end();
    }

    fn is_an_error(&self, kind: impl Into<opentelemetry::Value>) {
        let span = self.context.span();
        span.set_attribute(KeyValue::new("error.type", kind.into()));
        span.set_status(Status::error(""));
    }
}

/// The id of a trace, in hexadecimal digits.
pub struct TraceIdText([u8; 32]);

impl TraceIdText {
    fn of(id: TraceId) -> Self {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(id.to_bytes()) {
            let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        Self(digits)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are ASCII")
    }
}

impl fmt::Display for TraceIdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
