//! Traces and metrics for whoever collects them by OTLP (OpenTelemetry), over HTTP with protobuf.
//!
//! [`Telemetry::start`] starts the task that delivers, and gives [`Traces`] to make spans with. A server or an agent that has no
//! [`Traces`] does nothing of all this. One that has them takes a trace over from the caller (W3C Trace Context), makes a span of
//! the request, and passes the trace on.
//!
//! A span holds no secret, no token, no path and no query: its name is the template of the route, and its attributes are those
//! that are named here.
//!
//! Nothing here makes a request wait. A span that has ended goes to a queue that has a bound; what finds it full is dropped and
//! counted ([`Counts`]). How bodies are sent is up to a [`Collector`].
//!
//! With the feature `recorder`, a program that counts through the facade `metrics` has a `Recorder`, which shows what was counted as
//! Prometheus reads it, and as it is delivered.

mod context;
mod counts;
mod delivery;
mod encode;
mod exposition;
mod in_context;
mod queue;
#[cfg(feature = "recorder")]
mod recorder;
mod spans;
#[cfg(test)]
mod tests;
mod traces;

pub use counts::Counts;
pub use delivery::{Collector, Delivering, Sending, Signal, Telemetry, Undelivered};
pub use encode::Identity;
pub use in_context::InContext;
#[cfg(feature = "recorder")]
pub use recorder::Recorder;
pub use spans::{CallSpan, RequestSpan, TraceIdText};
pub use traces::{Received, Traces, Trust, Work};
