//! Whether the time of a refusal tells its reason.

use std::io;

use serde::Deserialize;

use crate::document::{count, table};
use crate::servers::{Setup, succeed};

#[derive(Deserialize)]
struct Row {
    name: String,
    mean: f64,
    median: f64,
    ratio: f64,
    welch_t: f64,
}

pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let folder = setup.folder()?;
    setup.seed(folder.path(), 100)?;
    let samples = if setup.quick { 10_000 } else { 200_000 };
    let mut timing = setup.pinned(setup.server_core, setup.program("timing"));
    let printed = succeed(timing.arg("--data").arg(folder.path()).args(["--samples", &samples.to_string()]))?;
    let rows: Vec<Row> = serde_json::from_slice(&printed)?;
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| {
            vec![
                row.name,
                format!("{:.0} ns", row.mean),
                format!("{:.0} ns", row.median),
                format!("{:.3}", row.ratio),
                format!("{:.1}", row.welch_t),
            ]
        })
        .collect();
    let name = format!("{} of each, interleaved", count(f64::from(samples)));
    Ok(vec![(
        "timing",
        table(&[&name, "mean", "median", "mean of that of a wrong secret", "Welch's t"], &rows),
    )])
}
