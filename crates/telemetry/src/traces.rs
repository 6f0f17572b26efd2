//! Makes spans: decides whether a request is recorded, and sets the attributes of its spans.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, Request, Version};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceState,
    Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use crate::context;
use crate::spans::{CallSpan, RequestSpan, current};

/// Makes the spans of requests and calls.
#[derive(Clone)]
pub struct Traces {
    tracer: SdkTracer,
    /// The share of traces that is recorded, from 0 to 1.
    share: f64,
}

/// How much a caller may decide about the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The caller decides: exactly what it records is recorded here.
    Trusted,
    /// The caller may name the trace and ask for it not to be recorded. Only the configured share of the traces that it wants
    /// recorded is, and additions of tracing systems are left out.
    Stranger,
    /// The caller is this process: the trace is that of the calling code.
    Inside,
}

/// A request that has arrived.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The HTTP method.
    pub method: &'a Method,
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The version of HTTP.
    pub version: Version,
    /// The template of its path, if it has one.
    pub route: Option<&'static str>,
    /// The scheme, `http` or `https`.
    pub scheme: &'static str,
    /// How much the caller may decide.
    pub trust: Trust,
}

/// Work within a request that has just ended.
#[derive(Debug, Clone)]
pub struct Work {
    /// The kind of work, from a closed set.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
    /// Whether the work failed.
    pub failed: bool,
    /// Further attributes, from closed sets.
    pub attributes: Vec<(&'static str, &'static str)>,
}

impl Traces {
    pub(crate) fn new(tracer: SdkTracer, share: f64) -> Self {
        Self { tracer, share }
    }

    /// Starts the span of a request; `None` if it is not recorded.
    pub fn received(&self, request: Received<'_>) -> Option<RequestSpan> {
        let parent = match request.trust {
            // A request within this process is part of a recorded span, or is not recorded.
            Trust::Inside => current()?,
            trust => {
                let parent = context::read(request.headers).map(|parent| self.allowed(parent, trust));
                parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent))
            }
        };
        let method = method(request.method);
        let name = match request.route {
            Some(route) => format!("{method} {route}"),
            None => method.to_owned(),
        };
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("url.scheme", request.scheme),
            KeyValue::new("network.protocol.version", version(request.version)),
        ];
        attributes.extend(request.route.map(|route| KeyValue::new("http.route", route)));
        let span = SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_attributes(attributes);
        let span = self.tracer.build_with_context(span, &parent);
        span.is_recording().then(|| RequestSpan::new(Context::new().with_span(span)))
    }

    /// Starts the span of a call that a request makes, and writes the trace into the headers of the call. `resent` is how often the
    /// same was sent before.
    pub fn calling<B>(&self, within: &RequestSpan, call: &mut Request<B>, resent: u32) -> CallSpan {
        let (method, to) = (method(call.method()), call.uri());
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("url.scheme", to.scheme_str().unwrap_or_default().to_owned()),
            KeyValue::new("server.address", to.host().unwrap_or_default().to_owned()),
        ];
        attributes.extend(to.port_u16().map(|port| KeyValue::new("server.port", i64::from(port))));
        if resent > 0 {
            attributes.push(KeyValue::new("http.request.resend_count", i64::from(resent)));
        }
        let span = SpanBuilder::from_name(method).with_kind(SpanKind::Client).with_attributes(attributes);
        let span = self.tracer.build_with_context(span, within.context());
        let span = CallSpan::new(Context::new().with_span(span));
        span.write(call.headers_mut());
        span
    }

    /// Records work that has just ended, if it was within a request that is recorded.
    pub fn worked(&self, work: Work) {
        let Some(context) = current() else { return };
        let attributes = work.attributes.into_iter().map(|(name, value)| KeyValue::new(name, value));
        let ended = now();
        let span = SpanBuilder::from_name(work.name)
            .with_kind(SpanKind::Client)
            .with_start_time(ended.checked_sub(work.took).unwrap_or(ended))
            .with_attributes(attributes);
        let mut span = self.tracer.build_with_context(span, &context);
        if work.failed {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(ended);
    }

    /// Returns the part of a caller's context that counts.
    fn allowed(&self, parent: SpanContext, trust: Trust) -> SpanContext {
        if trust != Trust::Stranger {
            return parent;
        }
        // At random, not by the id, which the caller has chosen.
        let is_recorded = parent.is_sampled() && rand::random::<f64>() < self.share;
        let flags = if is_recorded { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
        SpanContext::new(parent.trace_id(), parent.span_id(), flags, true, TraceState::NONE)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "spans have the times of the machine, as those of the library do"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Returns the methods that are told apart; any other is `_OTHER`.
fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}
