//! The spans of a request that is forwarded: its own, and one each time that it is sent.

use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use tollgate_http::forward::{Failure, SendError};
use tollgate_telemetry::{Call, CallSpan, Received, RequestSpan, TRACEPARENT, TRACESTATE, Traces, Trust};

/// Starts the span of a request, if it is recorded. Whoever may use the agent decides by itself what is.
pub(crate) fn received<B>(traces: Option<&Traces>, request: &Request<B>) -> Option<RequestSpan> {
    traces?.received(Received {
        method: request.method(),
        headers: request.headers(),
        version: request.version(),
        route: None,
        scheme: "http",
        trust: Trust::Trusted,
    })
}

/// A request that is recorded, and in what.
#[derive(Clone, Copy)]
pub(crate) struct Within<'a> {
    pub(crate) traces: &'a Traces,
    pub(crate) span: &'a RequestSpan,
}

/// A sending that is recorded.
pub(crate) struct Sent {
    span: CallSpan,
    context: [Option<HeaderValue>; 2],
}

impl Within<'_> {
    /// Begins to record a sending. The request says from here on which trace it belongs to.
    pub(crate) fn sending<B>(self, request: &mut Request<B>, resent: u32) -> Sent {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let call = Call {
            method: &method,
            host: uri.host().unwrap_or_default(),
            port: uri.port_u16(),
            scheme: uri.scheme_str().unwrap_or_default(),
            resent,
        };
        let headers = request.headers_mut();
        let span = self.traces.calling(self.span, call, headers);
        Sent { span, context: [TRACEPARENT, TRACESTATE].map(|name| headers.get(name).cloned()) }
    }
}

impl Sent {
    /// Writes the trace into the headers of the same request, made anew.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in [TRACEPARENT, TRACESTATE].into_iter().zip(&self.context) {
            match value {
                Some(value) => headers.insert(name, value.clone()),
                None => headers.remove(name),
            };
        }
    }

    /// Ends it.
    pub(crate) fn end(self, result: &Result<Response<Incoming>, SendError>) {
        match result {
            Ok(response) => self.span.answered(response.status().as_u16()),
            Err(error) => self.span.failed(match error.failure() {
                Failure::Connect => "connect",
                Failure::Broken => "broken",
                Failure::Timeout => "timeout",
            }),
        }
    }
}
