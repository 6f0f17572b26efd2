//! The formats of metrics: Prometheus's own, and OpenMetrics for programs that ask for it.

use std::fmt::{Display, Write};

use http::HeaderMap;
use http::header::ACCEPT;

/// A format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The text format of Prometheus, version 0.0.4.
    Prometheus,
    /// OpenMetrics, version 1.0.
    OpenMetrics,
}

impl Format {
    /// Returns the format that a request asks for: OpenMetrics if it is named at all.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut ranges = values.flat_map(|value| value.split(','));
        let is_named = |range: &str| {
            let (media_type, _) = range.split_once(';').unwrap_or((range, ""));
            media_type.trim().eq_ignore_ascii_case("application/openmetrics-text")
        };
        if ranges.any(is_named) { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Returns the media type of an answer in this format.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The kind of metric that a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A text of metrics that is being written.
pub(crate) struct Exposition {
    format: Format,
    text: String,
}

impl Exposition {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, text: String::with_capacity(32 * 1024) }
    }

    /// Begins a family. The name of a counter ends with `_total`.
    pub(crate) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // In OpenMetrics the suffix belongs to the sample.
        let family = match self.format {
            Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
            Format::Prometheus => name,
        };
        let _ = writeln!(self.text, "# HELP {family} {help}\n# TYPE {family} {kind}");
    }

    /// Adds a value with labels, which are written as `name="value"`.
    pub(crate) fn labelled(&mut self, name: &str, labels: impl Display, value: impl Display) {
        let _ = writeln!(self.text, "{name}{{{labels}}} {value}");
    }

    /// Adds a histogram of durations to its family, with or without labels. `buckets` counts durations up to each of `bounds`, and those
    /// beyond; `micros` is their sum. The bounds and the sum are in microseconds.
    pub(crate) fn durations(
        &mut self,
        name: &str,
        labels: impl Display,
        bounds: &[u64],
        buckets: &[u64],
        micros: u64,
    ) {
        let labels = labels.to_string();
        let comma = if labels.is_empty() { "" } else { "," };
        let mut count = 0;
        let bounds = bounds.iter().map(|micros| seconds(*micros)).chain(["+Inf".to_owned()]);
        for (bound, bucket) in bounds.zip(buckets) {
            count += bucket;
            let _ = writeln!(self.text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}");
        }
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        let sum = seconds(micros);
        let _ = writeln!(self.text, "{name}_sum{labels} {sum}\n{name}_count{labels} {count}");
    }

    /// Adds a family of one value.
    pub(crate) fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        let _ = writeln!(self.text, "{name} {value}");
    }

    /// Returns the complete text.
    pub(crate) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_for_who_names_it() {
        for (accept, expected) in [
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Format::Prometheus),
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
            assert_eq!(Format::accepted(&headers), expected, "{accept}");
        }
    }

    #[test]
    fn durations_are_a_histogram_with_labels_and_without() {
        for (labels, expected) in [
            ("", "d_bucket{le=\"0.000050\"} 1\nd_bucket{le=\"+Inf\"} 3\nd_sum 2.500000\nd_count 3\n"),
            (
                "a=\"b\"",
                "d_bucket{a=\"b\",le=\"0.000050\"} 1\nd_bucket{a=\"b\",le=\"+Inf\"} 3\n\
                 d_sum{a=\"b\"} 2.500000\nd_count{a=\"b\"} 3\n",
            ),
        ] {
            let mut exposition = Exposition::new(Format::Prometheus);
            exposition.durations("d", labels, &[50], &[1, 2], 2_500_000);
            assert_eq!(exposition.end(), expected);
        }
    }

    #[test]
    fn a_counter_is_named_as_each_format_wants() {
        for (format, expected) in [
            (Format::Prometheus, "# HELP a_total B.\n# TYPE a_total counter\na_total{c=\"d\"} 1\n"),
            (Format::OpenMetrics, "# HELP a B.\n# TYPE a counter\na_total{c=\"d\"} 1\n# EOF\n"),
        ] {
            let mut exposition = Exposition::new(format);
            exposition.family("a_total", Kind::Counter, "B.");
            exposition.labelled("a_total", "c=\"d\"", 1);
            assert_eq!(exposition.end(), expected);
        }
    }
}
