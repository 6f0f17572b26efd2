//! Records the metrics of the facade `metrics`, and writes them in the text format of Prometheus.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use metrics::SetRecorderError;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::time::sleep;

use crate::Counts;

/// Upper bounds of the buckets, in seconds.
const BUCKETS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// How often single measurements are put into their buckets, so that they take no memory while they aren't read.
const UPKEEP: Duration = Duration::from_secs(5);

/// Records metrics, for a process that reports them through that facade. Their labels are to come from closed sets, so that it does not
/// grow.
#[derive(Clone)]
pub struct Recorder {
    prometheus: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    further: Option<Arc<Counts>>,
}

impl Default for Recorder {
    fn default() -> Self {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).expect("there are buckets");
        let recorder = builder.build_recorder();
        Self { handle: recorder.handle(), prometheus: Arc::new(recorder), further: None }
    }
}

impl Recorder {
    /// Adds the counts of spans and of deliveries to the metrics.
    #[must_use]
    pub fn with(mut self, counts: Arc<Counts>) -> Self {
        self.further = Some(counts);
        self
    }

    /// Records for the whole process from now on, before anything is counted or described. It fails where another recorder does.
    pub fn install(&self) -> Result<(), SetRecorderError<Arc<PrometheusRecorder>>> {
        metrics::set_global_recorder(self.prometheus.clone())
    }

    /// Returns all metrics, in the text format of Prometheus.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        if let Some(counts) = &self.further {
            text.push_str(&counts.to_string());
        }
        text
    }

    /// Limits the memory of recorded measurements, for as long as it is polled.
    pub async fn upkeep(&self) -> Infallible {
        loop {
            sleep(UPKEEP).await;
            self.handle.run_upkeep();
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics::{counter, gauge, histogram, with_local_recorder};

    use super::*;

    #[test]
    fn what_is_counted_is_shown_by_name_and_labels() {
        let recorder = Recorder::default();
        with_local_recorder(&recorder.prometheus, || {
            counter!("calls_total", "outcome" => "renewed").increment(2);
            counter!("calls_total", "outcome" => "a \"b\"\n").increment(1);
            counter!("calls_total", "outcome" => "renewed").increment(1);
            gauge!("age_seconds").set(1.5);
            histogram!("took_seconds", "outcome" => "x").record(0.003);
            histogram!("took_seconds", "outcome" => "x").record(99.0);
        });
        let text = recorder.render();
        for expected in [
            "# TYPE calls_total counter\n",
            "calls_total{outcome=\"a \\\"b\\\"\\n\"} 1\n",
            "calls_total{outcome=\"renewed\"} 3\n",
            "# TYPE age_seconds gauge\nage_seconds 1.5\n",
            "# TYPE took_seconds histogram\ntook_seconds_bucket{outcome=\"x\",le=\"0.0005\"} 0\n",
            "took_seconds_bucket{outcome=\"x\",le=\"0.005\"} 1\n",
            "took_seconds_bucket{outcome=\"x\",le=\"60\"} 1\ntook_seconds_bucket{outcome=\"x\",le=\"+Inf\"} 2\n",
            "took_seconds_sum{outcome=\"x\"} 99.003\ntook_seconds_count{outcome=\"x\"} 2\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        assert_eq!(text.matches("# TYPE").count(), 3);
    }
}
