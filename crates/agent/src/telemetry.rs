//! The metrics of requests, through the facade `metrics`.

use std::time::Duration;

use http::StatusCode;
use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

use crate::refusal::Kind;

/// Says what each metric is, to the recorder that is installed now.
fn describe() {
    tollgate_client::describe_metrics();
    describe_counter!(
        "tollgate_agent_requests_total",
        "Answers of the upstream, by the first digit of the status."
    );
    describe_counter!("tollgate_agent_errors_total", "Answers of the agent's own, by their kind.");
    describe_counter!(
        "tollgate_agent_resent_total",
        "Requests that were sent again after their connection broke."
    );
    describe_histogram!("tollgate_agent_request_seconds", "Time from a request until its answer begins.");
    describe_gauge!("tollgate_agent_connections", "Open connections.");
}

/// The counters of requests. They are looked up once, so that counting takes no lock.
pub(crate) struct Counters {
    /// The upstream's answers, by the first digit of the status.
    answered: [Counter; 5],
    refused: [Counter; Kind::ALL.len()],
    seconds: Histogram,
}

impl Counters {
    /// Looks up the counters in the recorder that is installed now.
    pub(crate) fn new() -> Self {
        describe();
        let answered = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        Self {
            answered: answered.map(|status| counter!("tollgate_agent_requests_total", "status" => status)),
            refused: Kind::ALL.map(|kind| counter!("tollgate_agent_errors_total", "kind" => kind.label())),
            seconds: histogram!("tollgate_agent_request_seconds"),
        }
    }

    /// Counts an answer. It has a status if it is the upstream's, and a kind if it is the agent's own.
    pub(crate) fn answered(&self, status: Option<StatusCode>, kind: Option<Kind>, took: Duration) {
        if let Some(status) = status {
            self.answered[usize::from(status.as_u16() / 100 - 1).min(4)].increment(1);
            self.seconds.record(took);
        }
        if let Some(kind) = kind {
            self.refused[kind as usize].increment(1);
        }
    }
}

/// Returns the gauge of open connections.
pub(crate) fn connections() -> Gauge {
    gauge!("tollgate_agent_connections")
}
