//! Records requests as spans that are sent by OTLP, if that is configured.

use std::sync::Arc;

use http::Request;
use tollgate_store::{Ended, Measures, Observed, Operation};
use tollgate_telemetry::{Counts, Received, RequestSpan, Traces, Trust, Work};

use crate::exposition::{Exposition, Kind};
use crate::route::Route;

const SPANS: &str = "tollgate_telemetry_spans_total";
const METRICS: &str = "tollgate_telemetry_metrics_total";

/// The recording of requests, and the counts of what was sent.
pub(crate) struct Recording {
    traces: Option<Traces>,
    counts: Arc<Counts>,
}

impl Recording {
    pub(crate) fn new(traces: Option<Traces>, counts: Arc<Counts>) -> Self {
        Self { traces, counts }
    }

    /// Records the store's work within a request as part of the request's span. `system` is the name of the database in the semantic
    /// conventions.
    pub(crate) fn watch(&self, measures: &Measures, system: &'static str) {
        let Some(traces) = self.traces.clone() else { return };
        measures.observe(move |observed| traces.worked(work(observed, system)));
    }

    /// Starts the span of a request. Requests to routes that operators poll are not recorded.
    #[cold]
    pub(crate) fn start<B>(
        &self,
        route: (Route, &'static str),
        scheme: &'static str,
        trust: Trust,
        request: &Request<B>,
    ) -> Option<Box<RequestSpan>> {
        let (route, template) = route;
        if matches!(route, Route::Health | Route::Ready | Route::Metrics) {
            return None;
        }
        let received = Received {
            method: request.method(),
            headers: request.headers(),
            version: request.version(),
            route: (route != Route::Unknown).then_some(template),
            scheme,
            trust,
        };
        self.traces.as_ref()?.received(received).map(Box::new)
    }

    /// Writes the metrics of what was recorded and sent.
    pub(crate) fn write(&self, out: &mut Exposition) {
        out.family(SPANS, Kind::Counter, "Spans of traces, by what became of them.");
        for (outcome, count) in self.counts.spans() {
            out.labelled(SPANS, format_args!("outcome=\"{outcome}\""), count);
        }
        out.family(METRICS, Kind::Counter, "Deliveries of metrics, by their outcome.");
        for (outcome, count) in self.counts.metrics() {
            out.labelled(METRICS, format_args!("outcome=\"{outcome}\""), count);
        }
    }
}

fn work(observed: Observed, system: &'static str) -> Work {
    let Observed { operation, took, ended } = observed;
    let name = match operation {
        Operation::Read => "store read",
        Operation::Write => "store write",
        Operation::Idempotency => "store idempotency",
        Operation::ChangeLog => "store change_log",
    };
    let attributes = vec![("db.system.name", system), ("db.operation.name", operation.as_str())];
    Work { name, took, failed: ended == Ended::Failed, attributes }
}
