//! The spans of a request that is forwarded: its own, and one each time that it is sent.

use http::{Request, Response};
use hyper::body::Incoming;
use tollgate_http::forward::{Failure, SendError};
use tollgate_telemetry::{CallSpan, Received, RequestSpan, Traces, Trust};

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

/// Ends the span of a sending by what became of that.
pub(crate) fn end(span: CallSpan, result: &Result<Response<Incoming>, SendError>) {
    match result {
        Ok(response) => span.answered(response.status().as_u16()),
        Err(error) => span.failed(match error.failure() {
            Failure::Connect => "connect",
            Failure::Broken => "broken",
            Failure::Timeout => "timeout",
        }),
    }
}
