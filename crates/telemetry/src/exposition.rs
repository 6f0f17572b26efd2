//! Converts metrics from the text format of Prometheus to OTLP: the same metrics as those of `/metrics`, by the same names.
//!
//! It only reads what Tollgate itself writes: counters, gauges and histograms.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, metric,
    number_data_point,
};

/// The metric with the time since when counters count.
const STARTED: &str = "process_start_time_seconds";

/// The families of metrics in a text.
pub(crate) struct Families<'a>(Vec<Family<'a>>);

struct Family<'a> {
    name: &'a str,
    help: &'a str,
    kind: &'a str,
    samples: Vec<Sample<'a>>,
}

/// A line with a value.
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, String)>,
    value: &'a str,
}

impl<'a> Families<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let mut families: Vec<Family<'a>> = Vec::new();
        let mut help = ("", "");
        for line in text.lines() {
            if let Some(told) = line.strip_prefix("# HELP ") {
                help = told.split_once(' ').unwrap_or((told, ""));
            } else if let Some((name, kind)) =
                line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' '))
            {
                let help = if help.0 == name { help.1 } else { "" };
                families.push(Family { name, help, kind, samples: Vec::new() });
            } else if let (Some(sample), Some(family)) = (Sample::of(line), families.last_mut()) {
                family.samples.push(sample);
            }
        }
        Self(families)
    }

    /// Returns the metrics as messages of OTLP. `now` is in nanoseconds since 1970.
    pub(crate) fn metrics(&self, now: u64) -> Vec<Metric> {
        let started = self.0.iter().find(|family| family.name == STARTED);
        let started = started.and_then(|family| family.samples.first()?.value.parse::<u64>().ok());
        let times = Times { started: started.unwrap_or_default().saturating_mul(1_000_000_000), now };
        self.0.iter().filter(|family| !family.samples.is_empty()).map(|family| family.metric(times)).collect()
    }
}

/// Since when counters count, and when they were read, in nanoseconds since 1970; 0 if it is not known.
#[derive(Clone, Copy)]
struct Times {
    started: u64,
    now: u64,
}

impl Family<'_> {
    fn metric(&self, times: Times) -> Metric {
        let temporality = i32::from(AggregationTemporality::Cumulative);
        let data = match self.kind {
            "histogram" => metric::Data::Histogram(Histogram {
                data_points: self.histograms(times),
                aggregation_temporality: temporality,
            }),
            "counter" => metric::Data::Sum(Sum {
                data_points: self.numbers(times),
                aggregation_temporality: temporality,
                is_monotonic: true,
            }),
            _ => metric::Data::Gauge(Gauge { data_points: self.numbers(Times { started: 0, ..times }) }),
        };
        let unit = if self.name.ends_with("_seconds") {
            "s"
        } else if self.name.ends_with("_bytes") {
            "By"
        } else {
            ""
        };
        Metric {
            name: self.name.to_owned(),
            description: self.help.to_owned(),
            unit: unit.to_owned(),
            data: Some(data),
            ..Metric::default()
        }
    }

    fn numbers(&self, times: Times) -> Vec<NumberDataPoint> {
        let point = |sample: &Sample<'_>| {
            let value = match sample.value.parse() {
                Ok(whole) => number_data_point::Value::AsInt(whole),
                Err(_) => number_data_point::Value::AsDouble(sample.value.parse().ok()?),
            };
            Some(NumberDataPoint {
                attributes: attributes(&sample.labels),
                start_time_unix_nano: times.started,
                time_unix_nano: times.now,
                value: Some(value),
                ..NumberDataPoint::default()
            })
        };
        self.samples.iter().filter_map(point).collect()
    }

    /// Returns the histograms. The lines of each follow each other: its buckets, which count everything up to their bound, the sum and
    /// the count.
    fn histograms(&self, times: Times) -> Vec<HistogramDataPoint> {
        let mut points = Vec::new();
        let mut current = HistogramDataPoint::default();
        let mut below = 0;
        for sample in &self.samples {
            let (suffix, labels) = (sample.name.strip_prefix(self.name).unwrap_or_default(), &sample.labels);
            match suffix {
                "_bucket" => {
                    let count: u64 = sample.value.parse().unwrap_or_default();
                    current.bucket_counts.push(count.saturating_sub(below));
                    below = count;
                    let bound =
                        labels.iter().find(|(name, _)| *name == "le").map(|(_, bound)| bound.as_str());
                    current.explicit_bounds.extend(
                        bound.filter(|bound| *bound != "+Inf").and_then(|bound| bound.parse::<f64>().ok()),
                    );
                }
                "_sum" => current.sum = sample.value.parse().ok(),
                "_count" => {
                    current.count = sample.value.parse().unwrap_or_default();
                    current.attributes = attributes(labels);
                    (current.start_time_unix_nano, current.time_unix_nano) = (times.started, times.now);
                    points.push(std::mem::take(&mut current));
                    below = 0;
                }
                _ => {}
            }
        }
        points
    }
}

impl<'a> Sample<'a> {
    fn of(line: &'a str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let (named, value) = line.rsplit_once(' ')?;
        let (name, labels) = match named.split_once('{') {
            Some((name, labels)) => (name, self::labels(labels.strip_suffix('}')?)?),
            None => (named, Vec::new()),
        };
        Some(Self { name, labels, value })
    }
}

/// Reads labels like `a="b",c="d"`; backslashes, quotes and line ends in values are escaped.
fn labels(mut text: &str) -> Option<Vec<(&str, String)>> {
    let mut labels = Vec::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    escaped => value.push(escaped),
                },
                (_, character) => value.push(character),
            }
        };
        labels.push((name, value));
        text = rest[end + 1..].trim_start_matches(',');
    }
    Some(labels)
}

fn attributes(labels: &[(&str, String)]) -> Vec<KeyValue> {
    let attribute = |(name, value): &(&str, String)| KeyValue {
        key: (*name).to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.clone())) }),
        ..KeyValue::default()
    };
    labels.iter().filter(|(name, _)| *name != "le").map(attribute).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a_total Things.\n# TYPE a_total counter\na_total{b=\"c\"} 2\na_total{b=\"\\\"d\\\\\\n\"} 3\n\
        # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 5\n\
        # TYPE g gauge\ng -0.5\n\
        # HELP h_seconds Times.\n# TYPE h_seconds histogram\nh_seconds_bucket{x=\"1\",le=\"0.5\"} 1\n\
        h_seconds_bucket{x=\"1\",le=\"1\"} 3\nh_seconds_bucket{x=\"1\",le=\"+Inf\"} 4\nh_seconds_sum{x=\"1\"} 9.5\n\
        h_seconds_count{x=\"1\"} 4\nh_seconds_bucket{x=\"2\",le=\"0.5\"} 7\nh_seconds_bucket{x=\"2\",le=\"1\"} 7\n\
        h_seconds_bucket{x=\"2\",le=\"+Inf\"} 7\nh_seconds_sum{x=\"2\"} 1\nh_seconds_count{x=\"2\"} 7\n# EOF\n";

    fn told(attributes: &[KeyValue]) -> Vec<(String, String)> {
        let text = |value: &KeyValue| match value.value.clone().and_then(|any| any.value) {
            Some(Value::StringValue(text)) => text,
            other => panic!("{other:?}"),
        };
        attributes.iter().map(|one| (one.key.clone(), text(one))).collect()
    }

    #[test]
    fn a_counter_is_a_sum_since_the_start_of_the_process() {
        let metrics = Families::of(TEXT).metrics(9);
        let Some(metric::Data::Sum(sum)) = &metrics[0].data else { panic!("{metrics:?}") };
        assert_eq!((metrics[0].name.as_str(), metrics[0].description.as_str()), ("a_total", "Things."));
        assert!(sum.is_monotonic && sum.aggregation_temporality == 2);
        let [one, two] = &sum.data_points[..] else { panic!("{sum:?}") };
        assert_eq!(told(&one.attributes), [("b".to_owned(), "c".to_owned())]);
        assert_eq!(told(&two.attributes), [("b".to_owned(), "\"d\\\n".to_owned())]);
        assert_eq!(one.value, Some(number_data_point::Value::AsInt(2)));
        assert_eq!((one.start_time_unix_nano, one.time_unix_nano), (5_000_000_000, 9));
    }

    #[test]
    fn a_gauge_has_no_start() {
        let metrics = Families::of(TEXT).metrics(9);
        let Some(metric::Data::Gauge(gauge)) = &metrics[2].data else { panic!("{metrics:?}") };
        let [point] = &gauge.data_points[..] else { panic!("{gauge:?}") };
        assert_eq!(point.value, Some(number_data_point::Value::AsDouble(-0.5)));
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (0, 9));
    }

    #[test]
    fn the_buckets_of_a_histogram_count_what_is_in_them_alone() {
        let metrics = Families::of(TEXT).metrics(9);
        assert_eq!(metrics[3].unit, "s");
        let Some(metric::Data::Histogram(histogram)) = &metrics[3].data else { panic!("{metrics:?}") };
        let [one, two] = &histogram.data_points[..] else { panic!("{histogram:?}") };
        assert_eq!((&one.bucket_counts[..], &one.explicit_bounds[..]), (&[1, 2, 1][..], &[0.5, 1.0][..]));
        assert_eq!((one.count, one.sum, two.count, two.sum), (4, Some(9.5), 7, Some(1.0)));
        assert_eq!(two.bucket_counts, [7, 0, 0]);
        assert_eq!(told(&two.attributes), [("x".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn what_is_no_sample_is_left_out() {
        let metrics = Families::of("x 1\n# TYPE y gauge\ny{a=\"b 1\ny\n# TYPE z gauge\nz NaN\n").metrics(9);
        assert_eq!(metrics.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>(), ["z"]);
    }
}
