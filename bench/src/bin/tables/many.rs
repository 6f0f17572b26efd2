//! A million clients.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags};
use tollgate_bench::figures::Figures;
use tollgate_bench::process;
use tollgate_bench::stats::median;

use crate::document::{count, mebibytes, table};
use crate::servers::Setup;

pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let (clients, asking) = if setup.quick { (100_000, 10_000) } else { (1_000_000, 100_000) };
    let folder = setup.folder()?;
    let data = folder.path();
    setup.seed(data, clients)?;
    let start = |_| Ok(setup.tollgate(data, true)?.ready_after.as_secs_f64());
    let mut ready = (0..setup.rounds).map(start).collect::<io::Result<Vec<f64>>>()?;
    let server = setup.tollgate(data, true)?;
    ready.push(server.ready_after.as_secs_f64());
    let resident = || process::resident(server.process.id()).map(|bytes| bytes as f64);
    let at_start = resident()?;
    // It reads the clients' ids meanwhile.
    thread::sleep(Duration::from_secs(if setup.quick { 2 } else { 6 }));
    let settled = resident()?;

    let all = asking.to_string();
    let ask = |clients: &str, count: Option<&str>| -> io::Result<Figures> {
        let mut args = vec!["--set", "token", "--connections", "8", "--clients", clients];
        args.extend(count.iter().flat_map(|count| ["--count", count]));
        setup.load(server.api, data, &args)
    };
    let one = ask("1", None)?;
    let store = Store::look(data)?;
    let before = store.state()?;
    let first = ask(&all, Some(&all))?;
    let full = resident()?;
    let warm: Vec<Figures> = (0..setup.rounds).map(|_| ask(&all, None)).collect::<io::Result<_>>()?;
    let one_again: Vec<Figures> = (0..setup.rounds).map(|_| ask("1", None)).collect::<io::Result<_>>()?;
    let after = store.state()?;
    let issued = first.answers + warm.iter().chain(&one_again).map(|run| run.answers).sum::<u64>();

    let asked = count(f64::from(asking));
    let latencies = latencies(&asked, &[one], &[first], &warm, &one_again);
    let unchanged = if before == after { "unchanged" } else { "**changed**" };
    let facts = table(
        &[&format!("{} clients in the store", count(clients as f64)), ""],
        &[
            vec![
                "from the start of the process to `/readyz` 200, median".into(),
                format!("{:.0} ms", median(ready) * 1e3),
            ],
            vec!["resident when ready".into(), mebibytes(at_start)],
            vec!["resident when all ids are known".into(), mebibytes(settled)],
            vec![format!("resident after {asked} clients have asked"), mebibytes(full)],
            vec![
                "the same, for each of them".into(),
                format!("{:.0} bytes", (full - settled) / f64::from(asking)),
            ],
            vec![
                format!(
                    "store while {} tokens were issued: size and time of both files, `data_version`",
                    count(issued as f64)
                ),
                unchanged.into(),
            ],
        ],
    );
    Ok(vec![("million", format!("{facts}\n{latencies}"))])
}

fn latencies(
    asked: &str,
    one: &[Figures],
    first: &[Figures],
    warm: &[Figures],
    one_again: &[Figures],
) -> String {
    let of = |runs: &[Figures], figure: fn(&Figures) -> f64| median(runs.iter().map(figure));
    let latency = |name: &str, runs: &[Figures]| {
        let (p50, p99) = (of(runs, |run| run.latency.p50), of(runs, |run| run.latency.p99));
        let ratio = |own: f64, figure| format!("{:.2}", own / of(one_again, figure));
        vec![
            name.to_owned(),
            count(of(runs, |run| run.per_second)),
            format!("{p50:.0} µs"),
            format!("{p99:.0} µs"),
            ratio(p50, |run| run.latency.p50),
            ratio(p99, |run| run.latency.p99),
        ]
    };
    table(
        &[
            "8 connections, closed loop",
            "requests/s",
            "p50",
            "p99",
            "p50 of one client's",
            "p99 of one client's",
        ],
        &[
            latency("one client, before", one),
            latency(&format!("{asked} clients, each for the first time"), first),
            latency(&format!("the same {asked} clients in turn"), warm),
            latency("one client", one_again),
        ],
    )
}

/// A store, watched from outside.
struct Store<'a> {
    data: &'a Path,
    connection: Connection,
}

/// What changes whenever anything is committed.
#[derive(Debug, PartialEq, Eq)]
struct State {
    files: Vec<(u64, SystemTime)>,
    data_version: i64,
}

impl<'a> Store<'a> {
    fn look(data: &'a Path) -> io::Result<Self> {
        let path = data.join("tollgate.db");
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(io::Error::other)?;
        Ok(Self { data, connection })
    }

    fn state(&self) -> io::Result<State> {
        let version = self.connection.query_row("PRAGMA data_version", [], |row| row.get(0));
        let files = ["tollgate.db", "tollgate.db-wal"].iter().map(|name| {
            let file = fs::metadata(self.data.join(name))?;
            Ok((file.len(), file.modified()?))
        });
        Ok(State {
            files: files.collect::<io::Result<_>>()?,
            data_version: version.map_err(io::Error::other)?,
        })
    }
}
