//! Payment requests created a second, each under an idempotency key of its own and safe on the disk when it is answered.

use std::io;
use std::path::Path;

use tollgate_bench::figures::Figures;
use tollgate_bench::stats::median;

use crate::document::{count, table};
use crate::postgres_server::Server;
use crate::servers::{Setup, Tollgate, free_address};

const CONNECTIONS: [&str; 4] = ["1", "8", "64", "256"];

/// Both engines in turn, so that the machine's drift meets both.
pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let folders = [setup.folder()?, setup.folder()?];
    let [embedded, moved] = folders.each_ref().map(tempfile::TempDir::path);
    for data in [embedded, moved] {
        setup.seed(data, 100)?;
    }
    let postgres = Server::start("-c listen_addresses= -c fsync=on -c shared_buffers=256MB", |_| {});
    let database = postgres.database();
    setup.copy_store(moved, &database.url)?;
    let servers = [
        ("SQLite", setup.tollgate(embedded, true)?),
        ("PostgreSQL", on_postgres(setup, moved, &database.url)?),
    ];
    let mut runs = servers.each_ref().map(|_| CONNECTIONS.map(|_| Vec::new()));
    for _ in 0..setup.rounds {
        for ((_, server), runs) in servers.iter().zip(&mut runs) {
            for (connections, runs) in CONNECTIONS.iter().zip(runs) {
                runs.push(load(setup, server, connections)?);
            }
        }
    }
    let rows = servers.iter().zip(&runs).flat_map(|((name, _), runs)| rows(name, runs));
    let head = ["store", "connections", "created/s", "p50", "p99", "times one connection"];
    Ok(vec![("creates", table(&head, &rows.collect::<Vec<_>>()))])
}

fn on_postgres(setup: &Setup, data: &Path, url: &str) -> io::Result<Tollgate> {
    let api = free_address()?;
    setup.node(data, url, api, &format!("http://{api}"), true)
}

fn load(setup: &Setup, server: &Tollgate, connections: &str) -> io::Result<Figures> {
    let args = ["--set", "create", "--clients", "16", "--connections", connections];
    let run = setup.load(server.api, &server.data, &args)?;
    if run.statuses.keys().any(|status| *status != 201) {
        return Err(io::Error::other(format!("not all were created: {:?}", run.statuses)));
    }
    Ok(run)
}

/// The rows of an engine, each beside that of its one connection, whose transactions share nothing.
fn rows(name: &str, runs: &[Vec<Figures>; 4]) -> Vec<Vec<String>> {
    let alone = &runs[0];
    let row = |(connections, runs): (&&str, &Vec<Figures>)| {
        let figure = |of: fn(&Figures) -> f64| median(runs.iter().map(of));
        let ratios = runs.iter().zip(alone).map(|(run, alone)| run.per_second / alone.per_second);
        let label = if *connections == "1" { "1: each transaction by itself" } else { connections };
        vec![
            name.to_owned(),
            label.to_owned(),
            count(figure(|run| run.per_second)),
            format!("{:.1} ms", figure(|run| run.latency.p50) / 1e3),
            format!("{:.1} ms", figure(|run| run.latency.p99) / 1e3),
            format!("{:.1}", median(ratios)),
        ]
    };
    CONNECTIONS.iter().zip(runs).map(row).collect()
}
