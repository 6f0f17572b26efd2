//! Counts of spans and of deliveries, by outcome.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts spans and deliveries of metrics, by outcome.
#[derive(Debug, Default)]
pub struct Counts {
    delivered: AtomicU64,
    dropped: AtomicU64,
    undelivered: AtomicU64,
    metrics_delivered: AtomicU64,
    metrics_undelivered: AtomicU64,
}

impl Counts {
    /// Returns the number of spans by outcome, from a closed set: `delivered`; `dropped`, since the queue was full; `undelivered`,
    /// since the collector did not take them.
    pub fn spans(&self) -> [(&'static str, u64); 3] {
        [
            ("delivered", self.delivered.load(Relaxed)),
            ("dropped", self.dropped.load(Relaxed)),
            ("undelivered", self.undelivered.load(Relaxed)),
        ]
    }

    /// Returns how often metrics were `delivered`, and how often the collector did not take them.
    pub fn metrics(&self) -> [(&'static str, u64); 2] {
        [
            ("delivered", self.metrics_delivered.load(Relaxed)),
            ("undelivered", self.metrics_undelivered.load(Relaxed)),
        ]
    }

    pub(crate) fn dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    pub(crate) fn delivery(&self, spans: u64, is_done: bool) {
        let counter = if is_done { &self.delivered } else { &self.undelivered };
        counter.fetch_add(spans, Relaxed);
    }

    pub(crate) fn delivery_of_metrics(&self, is_done: bool) {
        let counter = if is_done { &self.metrics_delivered } else { &self.metrics_undelivered };
        counter.fetch_add(1, Relaxed);
    }
}

/// Writes the counts in the text format of Prometheus.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("# HELP tollgate_telemetry_spans_total Spans of traces, by what became of them.\n")?;
        f.write_str("# TYPE tollgate_telemetry_spans_total counter\n")?;
        for (outcome, count) in self.spans() {
            writeln!(f, "tollgate_telemetry_spans_total{{outcome=\"{outcome}\"}} {count}")?;
        }
        f.write_str("# HELP tollgate_telemetry_metrics_total Deliveries of metrics, by their outcome.\n")?;
        f.write_str("# TYPE tollgate_telemetry_metrics_total counter\n")?;
        for (outcome, count) in self.metrics() {
            writeln!(f, "tollgate_telemetry_metrics_total{{outcome=\"{outcome}\"}} {count}")?;
        }
        Ok(())
    }
}
