//! What a run of `load` found, as the JSON object that it prints.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// What a run of `load` found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figures {
    /// Requests that were sent, warm-up included.
    pub sent: u64,
    /// Answers that came within the measured time.
    pub answers: u64,
    /// The measured time, in seconds.
    pub seconds: f64,
    /// Answers a second.
    pub per_second: f64,
    /// Answers by HTTP status.
    pub statuses: BTreeMap<u16, u64>,
    /// Connections that broke off.
    pub broken: u64,
    /// Latency of every answer.
    pub latency: Latency,
    /// Latency of the answers with a status below 400, where there were others.
    pub latency_of_successes: Option<Latency>,
    /// Latency of the answers with a status below 400, from when each request was sent.
    pub latency_from_sending: Latency,
    /// Processor time of `load` itself, in microseconds an answer, warm-up included.
    pub own_micros: f64,
}

impl Figures {
    /// Answers with a status below 400, a second.
    pub fn successes_per_second(&self) -> f64 {
        self.statuses.range(..400).map(|(_, count)| count).sum::<u64>() as f64 / self.seconds
    }
}

/// A distribution of latencies, in microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the percentile that it is called after")]
pub struct Latency {
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Latency {
    /// Reads the percentiles off a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let micros = |nanos: u64| nanos as f64 / 1_000.0;
        Self {
            mean: histogram.mean() / 1_000.0,
            p50: micros(histogram.value_at_quantile(0.5)),
            p90: micros(histogram.value_at_quantile(0.9)),
            p99: micros(histogram.value_at_quantile(0.99)),
            p999: micros(histogram.value_at_quantile(0.999)),
            max: micros(histogram.max()),
        }
    }
}
