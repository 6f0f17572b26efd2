//! What reading a fresh token costs the caller.

use std::io;
use std::process::Command;

use serde::Deserialize;

use crate::document::{count, table};
use crate::servers::{Setup, succeed};

#[derive(Deserialize)]
struct Row {
    threads: usize,
    median: f64,
    p99: f64,
    p9999: f64,
    allocations: u64,
}

/// On all cores: this is about threads that share a token.
pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let reads = if setup.quick { 50_000 } else { 1_000_000 };
    let printed = succeed(Command::new(setup.program("reads")).args(["--reads", &reads.to_string()]))?;
    let rows: Vec<Row> = serde_json::from_slice(&printed)?;
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| {
            let nanos = |figure| format!("{} ns", count(figure));
            let (threads, allocations) = (row.threads.to_string(), row.allocations.to_string());
            vec![threads, nanos(row.median), nanos(row.p99), nanos(row.p9999), allocations]
        })
        .collect();
    let head =
        ["threads", "median of a read", "p99, with the timer", "p99.99, with the timer", "allocations"];
    Ok(vec![("client", table(&head, &rows))])
}
