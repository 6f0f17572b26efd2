//! The spans of a forwarded request: its own, and one for each time that it is sent.

use http::{Request, Response};
use hyper::body::Incoming;
use tollgate_http::forward::{Failure, SendError};
use tollgate_telemetry::{CallSpan, Received, RequestSpan, Traces, Trust};

/// Starts the span of a request, if it is recorded. Everybody who may use the agent may decide that.
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
