//! Payment requests created a second, each under an idempotency key of its own and safe on the disk when it is answered.

use std::io;

use tollgate_bench::stats::median;

use crate::document::{count, table};
use crate::servers::Setup;

pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    const CONNECTIONS: [&str; 4] = ["1", "8", "64", "256"];
    let folder = setup.folder()?;
    setup.seed(folder.path(), 100)?;
    let server = setup.tollgate(folder.path(), true)?;
    let mut runs = CONNECTIONS.map(|_| Vec::new());
    for _ in 0..setup.rounds {
        for (connections, runs) in CONNECTIONS.iter().zip(&mut runs) {
            let args = ["--set", "create", "--clients", "16", "--connections", connections];
            let run = setup.load(server.api, &server.data, &args)?;
            if run.statuses.keys().any(|status| *status != 201) {
                return Err(io::Error::other(format!("not all were created: {:?}", run.statuses)));
            }
            runs.push(run);
        }
    }
    let alone = median(runs[0].iter().map(|run| run.per_second));
    let rows: Vec<Vec<String>> = CONNECTIONS
        .iter()
        .zip(&runs)
        .map(|(connections, runs)| {
            let rate = median(runs.iter().map(|run| run.per_second));
            let p99 = median(runs.iter().map(|run| run.latency.p99));
            let p50 = median(runs.iter().map(|run| run.latency.p50));
            let name = if *connections == "1" { "1: a transaction each" } else { connections };
            vec![
                name.to_owned(),
                count(rate),
                format!("{:.1} ms", p50 / 1e3),
                format!("{:.1} ms", p99 / 1e3),
                format!("{:.1}", rate / alone),
            ]
        })
        .collect();
    Ok(vec![("creates", table(&["connections", "created/s", "p50", "p99", "times one connection"], &rows))])
}
