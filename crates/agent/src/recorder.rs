//! What the facade `metrics` is told, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, Gauge, GaugeFn as _, Histogram, HistogramFn, Key, KeyName, Metadata, SetRecorderError,
    SharedString, Unit,
};

/// Upper bounds of the buckets, in seconds.
const BUCKETS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Keeps what is counted. The labels of this crate come from closed sets, so it does not grow.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Kept>);

#[derive(Default)]
struct Kept {
    counters: Mutex<BTreeMap<Key, Arc<AtomicU64>>>,
    gauges: Mutex<BTreeMap<Key, Arc<AtomicU64>>>,
    histograms: Mutex<BTreeMap<Key, Arc<Buckets>>>,
}

#[derive(Default)]
struct Buckets {
    counts: [AtomicU64; BUCKETS.len() + 1],
    /// The bits of a floating-point number.
    sum: AtomicU64,
}

impl Recorder {
    /// Records for the whole process from now on. It fails where another one does.
    pub fn install(&self) -> Result<(), SetRecorderError<Self>> {
        metrics::set_global_recorder(self.clone())
    }

    /// Everything, in the text format of Prometheus.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(4 * 1024);
        let mut said = None;
        for (key, value) in &*lock(&self.0.counters) {
            head(&mut out, &mut said, key, "counter");
            line(&mut out, key, "", None, value.load(Relaxed));
        }
        for (key, value) in &*lock(&self.0.gauges) {
            head(&mut out, &mut said, key, "gauge");
            line(&mut out, key, "", None, f64::from_bits(value.load(Relaxed)));
        }
        for (key, buckets) in &*lock(&self.0.histograms) {
            head(&mut out, &mut said, key, "histogram");
            let mut count = 0;
            let bounds = BUCKETS.iter().copied().chain([f64::INFINITY]);
            for (bound, bucket) in bounds.zip(&buckets.counts) {
                count += bucket.load(Relaxed);
                line(&mut out, key, "_bucket", Some(bound), count);
            }
            line(&mut out, key, "_sum", None, f64::from_bits(buckets.sum.load(Relaxed)));
            line(&mut out, key, "_count", None, count);
        }
        out
    }
}

/// Says once of each name what it is.
fn head(out: &mut String, said: &mut Option<String>, key: &Key, kind: &str) {
    if said.as_deref() != Some(key.name()) {
        _ = writeln!(out, "# TYPE {} {kind}", key.name());
        *said = Some(key.name().to_owned());
    }
}

fn line(out: &mut String, key: &Key, suffix: &str, bound: Option<f64>, value: impl fmt::Display) {
    _ = write!(out, "{}{suffix}", key.name());
    let bound = bound.map(|bound| ("le", if bound.is_finite() { bound.to_string() } else { "+Inf".into() }));
    let labels = key.labels().map(|label| (label.key(), escaped(label.value()))).chain(bound);
    let labels: Vec<String> = labels.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    if !labels.is_empty() {
        _ = write!(out, "{{{}}}", labels.join(","));
    }
    _ = writeln!(out, " {value}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        self.counts[BUCKETS.partition_point(|bound| *bound < value)].fetch_add(1, Relaxed);
        self.sum.increment(value);
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(of(&self.0.counters, key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(of(&self.0.gauges, key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(of(&self.0.histograms, key))
    }
}

fn of<T: Default>(kept: &Mutex<BTreeMap<Key, Arc<T>>>, key: &Key) -> Arc<T> {
    let mut kept = lock(kept);
    if let Some(found) = kept.get(key) {
        return found.clone();
    }
    kept.entry(key.clone()).or_default().clone()
}

fn lock<T>(kept: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    kept.lock().expect("nothing panics with the metrics locked")
}

#[cfg(test)]
mod tests {
    use metrics::{counter, gauge, histogram, with_local_recorder};

    use super::*;

    #[test]
    fn what_is_counted_is_shown_by_name_and_labels() {
        let recorder = Recorder::default();
        with_local_recorder(&recorder, || {
            counter!("calls_total", "outcome" => "renewed").increment(2);
            counter!("calls_total", "outcome" => "a \"b\"\\\n").increment(1);
            counter!("calls_total", "outcome" => "renewed").increment(1);
            gauge!("age_seconds").set(1.5);
            histogram!("took_seconds", "outcome" => "x").record(0.003);
            histogram!("took_seconds", "outcome" => "x").record(99.0);
        });
        let text = recorder.render();
        for expected in [
            "# TYPE calls_total counter\ncalls_total{outcome=\"a \\\"b\\\"\\\\\\n\"} 1\n",
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
