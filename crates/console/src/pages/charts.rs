//! Charts of the last hour, drawn as SVG.

use std::borrow::Cow;

use askama::Template;
use tollgate_server::Why;

use crate::figures::{EVERY, Interval};

/// The width and the height of the drawing area.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;
/// The number of intervals in an hour.
const HOUR: usize = 360;

/// A chart with its lines and its scale.
#[derive(Template)]
#[template(path = "console/chart.html")]
pub(super) struct Chart {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    lines: Vec<Line>,
    /// The value at the upper edge.
    top: String,
}

/// A line of a chart, as points.
struct Line {
    name: Cow<'static, str>,
    class: &'static str,
    points: String,
    now: String,
    most: String,
}

/// The source of a line: its name, its style, and its value in an interval.
type Drawn<'a> = (Cow<'static, str>, &'static str, &'a dyn Fn(&Interval) -> f64);

/// The styles of the lines for the most frequent reasons.
const OF_REASONS: [&str; 3] = ["warn", "first", "second"];

/// Draws the charts of these intervals.
pub(super) fn all(intervals: &[Interval]) -> Vec<Chart> {
    let rates = Chart::of(
        ("rates", "Requests and tokens", "a second"),
        intervals,
        &[
            ("requests".into(), "first", &Interval::requests),
            ("tokens issued".into(), "second", &Interval::tokens),
        ],
    );
    let latency = Chart::of(
        ("latency", "Time to answer", "ms at most"),
        intervals,
        &[
            ("half of the requests".into(), "first", &|interval| interval.latency(0.5)),
            ("99 of 100".into(), "second", &|interval| interval.latency(0.99)),
        ],
    );
    vec![rates, refusals(intervals), latency]
}

/// Draws the refusals by reason: a line for each of the most frequent reasons, and one for all others.
fn refusals(intervals: &[Interval]) -> Chart {
    let count =
        |why: Why| intervals.iter().map(|interval| interval.counted.reasons[why as usize]).sum::<u64>();
    let mut reasons = Why::ALL.to_vec();
    reasons.retain(|why| count(*why) > 0);
    reasons.sort_by_key(|why| std::cmp::Reverse(count(*why)));
    let (most, others) = reasons.split_at(reasons.len().min(OF_REASONS.len()));
    let of_most: Vec<_> =
        most.iter().map(|why| move |interval: &Interval| interval.refusals(&[*why])).collect();
    let of_others = |interval: &Interval| interval.refusals(others);
    let mut lines: Vec<Drawn<'_>> = Vec::new();
    for ((why, class), drawn) in most.iter().zip(OF_REASONS).zip(&of_most) {
        lines.push((why.words().into(), class, drawn));
    }
    match (most, others) {
        ([], []) => lines.push(("refused".into(), "rest", &of_others)),
        (_, []) => {}
        _ => lines.push(("all others".into(), "rest", &of_others)),
    }
    Chart::of(("refused", "Refusals", "a second"), intervals, &lines)
}

impl Chart {
    fn of(
        (id, title, unit): (&'static str, &'static str, &'static str),
        intervals: &[Interval],
        lines: &[Drawn<'_>],
    ) -> Self {
        let values: Vec<Vec<f64>> =
            lines.iter().map(|(_, _, value)| intervals.iter().map(value).collect()).collect();
        let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let top = ceiling(values.iter().map(|values| most(values)).fold(0.0, f64::max));
        let lines = lines.iter().zip(&values).map(|((name, class, _), values)| Line {
            name: name.clone(),
            class,
            points: points(values, top),
            now: number(values.last().copied().unwrap_or_default()),
            most: number(most(values)),
        });
        Self { id, title, unit, lines: lines.collect(), top: number(top) }
    }

    /// Describes the chart in words.
    fn words(&self) -> String {
        let Self { title, unit, .. } = self;
        let lines =
            self.lines.iter().map(|Line { name, now, most, .. }| format!("{name} {now} now, {most} at most"));
        format!("{title}, {unit}, in the last hour: {}", lines.collect::<Vec<_>>().join("; "))
    }
}

/// Returns the points of a line, the latest at the right edge.
fn points(values: &[f64], top: f64) -> String {
    let step = WIDTH / place(HOUR - 1);
    let start = WIDTH - step * place(values.len().saturating_sub(1));
    let point = |(at, value): (usize, &f64)| {
        let (x, y) = (start + step * place(at), HEIGHT - value / top * HEIGHT);
        format!("{x:.1},{y:.1}")
    };
    values.iter().enumerate().map(point).collect::<Vec<_>>().join(" ")
}

#[expect(clippy::cast_precision_loss, reason = "there are few")]
fn place(number: usize) -> f64 {
    number as f64
}

/// Returns the next greater number that begins with 1, 2 or 5.
fn ceiling(most: f64) -> f64 {
    let mut step = 0.001;
    loop {
        for first in [1.0, 2.0, 5.0] {
            if first * step >= most {
                return first * step;
            }
        }
        step *= 10.0;
    }
}

/// Writes a number with as many digits as matter.
fn number(value: f64) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 1.0 {
        1
    } else {
        3
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// How often the charts change, in seconds.
pub(super) const RENEWED_EVERY: u64 = EVERY.as_secs();

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tollgate_core::Timestamp;

    use super::*;
    use tollgate_server::Totals;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        for (most, top) in
            [(0.0, 0.001), (0.3, 0.5), (1.0, 1.0), (1.1, 2.0), (37.0, 50.0), (2_100.0, 5_000.0)]
        {
            assert!((ceiling(most) - top).abs() < top / 1e6, "{most}");
        }
        assert_eq!([number(0.0), number(0.25), number(12.34), number(250.4)], ["0", "0.25", "12.3", "250"]);
    }

    #[test]
    fn refusals_are_drawn_by_their_reasons_the_most_frequent_first() {
        let drawn = |counts: &[u64]| {
            let mut counted = Totals::default();
            counted.reasons[..counts.len()].copy_from_slice(counts);
            let (until, length) = (Timestamp::from_seconds(1_764_000_000), Duration::from_secs(10));
            let chart = refusals(&[Interval { until, length, counted }]);
            chart.lines.into_iter().map(|line| (line.name.into_owned(), line.now)).collect::<Vec<_>>()
        };
        let line = |why: usize, now: &str| (Why::ALL[why].words(), now.to_owned());
        assert_eq!(drawn(&[]), [("refused".to_owned(), "0".to_owned())]);
        assert_eq!(drawn(&[0, 20, 0, 50]), [line(3, "5"), line(1, "2")]);
        let others = ("all others".to_owned(), "0.3".to_owned());
        assert_eq!(drawn(&[2, 40, 1, 50, 30]), [line(3, "5"), line(1, "4"), line(4, "3"), others]);
    }

    #[test]
    fn a_chart_is_drawn_to_its_right_edge_and_said_in_words() {
        let mut counted = Totals { tokens: 20, ..Totals::default() };
        counted.buckets[0] = 100;
        let length = Duration::from_secs(10);
        let interval = Interval { until: Timestamp::from_seconds(1_764_000_000), length, counted };
        let html = all(&[interval.clone(), interval])[0].render().unwrap();
        assert!(html.contains("points=\"598.3,0.0 600.0,0.0\""), "{html}");
        let words = "Requests and tokens, a second, in the last hour: requests 10 now, 10 at most; tokens issued 2 now";
        assert!(html.contains(words), "{html}");
        assert!(!all(&[])[0].render().unwrap().contains("NaN"));
    }
}
