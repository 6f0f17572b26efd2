//! The real server against the floors.

use std::io;
use std::net::SocketAddr;

use tollgate_bench::figures::Figures;
use tollgate_bench::stats::median;
use tollgate_bench::{message, plain, process};

use crate::document::{count, table};
use crate::servers::{Floor, Setup, Tollgate};

/// Something that answers.
pub(crate) struct Contender {
    name: &'static str,
    address: SocketAddr,
    process: u32,
    /// Whether it issues tokens itself; else it takes those of the real server.
    issues: bool,
}

impl Contender {
    pub(crate) fn floor(name: &'static str, floor: &Floor) -> Self {
        Self { name, address: floor.address, process: floor.process.id(), issues: false }
    }

    fn tollgate(name: &'static str, server: &Tollgate) -> Self {
        Self { name, address: server.api, process: server.process.id(), issues: true }
    }
}

/// What was found about a contender, in the order of the rounds.
pub(crate) struct Found {
    pub(crate) name: &'static str,
    runs: Vec<Figures>,
    /// The server's processor time for a request, in microseconds.
    pub(crate) micros: Vec<f64>,
}

impl Found {
    pub(crate) fn median(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        median(self.runs.iter().map(figure))
    }

    pub(crate) fn rate(&self) -> f64 {
        self.median(|run| run.per_second)
    }

    /// The median of the ratios within a round, which the machine's drift leaves alone.
    pub(crate) fn ratio(&self, of: &Self, figure: impl Fn(&Figures) -> f64) -> f64 {
        median(self.runs.iter().zip(&of.runs).map(|(own, other)| figure(own) / figure(other)))
    }
}

pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let folder = setup.folder()?;
    let data = folder.path();
    setup.seed(data, 100)?;
    let quiet = setup.tollgate(data, false)?;
    let client = quiet.client()?;
    let token = plain::token(quiet.api, &client)?;
    let refresh = plain::ask(quiet.api, &message::refresh(&token.data("refresh_token")?))?;
    let empty = empty();

    let logged = setup.tollgate(data, true)?;
    let bare = setup.floor(data, &token, &[])?;
    let crypto = setup.floor(data, &token, &["--crypto", "token"])?;
    let edge = setup.floor(data, &token, &["--edge"])?;
    let tokens = [
        Contender::floor("bare hyper", &bare),
        Contender::floor("bare hyper with the cryptography", &crypto),
        Contender::floor("Tollgate's edge, fixed answer", &edge),
        Contender::tollgate("**tollgate**, a log line each", &logged),
        Contender::tollgate("**tollgate**, `log.requests = false`", &quiet),
    ];
    let token_runs = compete(setup, &quiet, &["--set", "token"], &tokens)?;
    let latency = latency(setup, &quiet, &tokens, &token_runs)?;
    drop((bare, crypto, edge));

    let bare = setup.floor(data, &refresh, &[])?;
    let crypto = setup.floor(data, &refresh, &["--crypto", "refresh"])?;
    let refreshes = [
        Contender::floor("bare hyper", &bare),
        Contender::floor("bare hyper with the cryptography", &crypto),
        Contender::tollgate("**tollgate**, a log line each", &logged),
        Contender::tollgate("**tollgate**, `log.requests = false`", &quiet),
    ];
    let refresh_runs = compete(setup, &quiet, &["--set", "refresh"], &refreshes)?;
    drop((bare, crypto, logged));

    let issuer = format!("http://{}", quiet.api);
    let folder = data.display().to_string();
    let bare = setup.floor(data, &empty, &[])?;
    let guard = setup.floor(data, &empty, &["--guard", &folder, "--issuer", &issuer])?;
    let edge = setup.floor(data, &empty, &["--edge", "--guard", &folder, "--issuer", &issuer])?;
    let gets = [
        Contender::floor("bare hyper", &bare),
        Contender::floor("bare hyper, **guard**", &guard),
        Contender::floor("Tollgate's edge, **guard**", &edge),
    ];
    let get_runs = compete(setup, &quiet, &["--set", "guarded"], &gets)?;
    Ok(vec![
        ("token", rates_table(&token_runs, &[0, 1])),
        ("refresh", rates_table(&refresh_runs, &[0, 1])),
        ("guarded", rates_table(&get_runs, &[0])),
        ("latency", latency),
    ])
}

/// What a handler that does nothing answers.
pub(crate) fn empty() -> plain::Answer {
    let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
    plain::Answer { head: message::head(&bytes).expect("the head is whole"), bytes }
}

/// Loads all of them in turn, round after round.
pub(crate) fn compete(
    setup: &Setup,
    authority: &Tollgate,
    load: &[&str],
    contenders: &[Contender],
) -> io::Result<Vec<Found>> {
    let mut found: Vec<Found> = contenders
        .iter()
        .map(|contender| Found { name: contender.name, runs: Vec::new(), micros: Vec::new() })
        .collect();
    let tokens_of = authority.api.to_string();
    for _ in 0..setup.rounds {
        for (contender, found) in contenders.iter().zip(&mut found) {
            let mut args = load.to_vec();
            if !contender.issues {
                args.extend(["--authority", &tokens_of]);
            }
            let pid = contender.process.to_string();
            let before = process::cpu_seconds(&pid)?;
            let run = setup.load(contender.address, &authority.data, &args)?;
            if run.statuses.keys().any(|status| *status >= 400) || run.broken > 0 {
                return Err(io::Error::other(format!("{} refuses: {:?}", contender.name, run.statuses)));
            }
            found.micros.push((process::cpu_seconds(&pid)? - before) * 1e6 / run.sent as f64);
            found.runs.push(run);
        }
    }
    Ok(found)
}

fn rates_table(found: &[Found], references: &[usize]) -> String {
    let mut head = vec!["32 connections, closed loop", "requests/s", "processor time of one", "p50", "p99"];
    head.extend(["of bare hyper", "of the cryptography"].iter().take(references.len()));
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|one| {
            let mut row = vec![
                one.name.to_owned(),
                count(one.rate()),
                format!("{:.2} µs", median(one.micros.iter().copied())),
                format!("{:.0} µs", one.median(|run| run.latency.p50)),
                format!("{:.0} µs", one.median(|run| run.latency.p99)),
            ];
            row.extend(
                references.iter().map(|at| format!("{:.2}", one.ratio(&found[*at], |run| run.per_second))),
            );
            row
        })
        .collect();
    let own = found.iter().map(|one| one.median(|run| run.own_micros)).fold(0.0, f64::max);
    format!("{}\nThe load itself took {own:.1} µs of its core for a request, at most.\n", table(&head, &rows))
}

/// Latency at half of the greatest rate that the real server reached.
fn latency(
    setup: &Setup,
    authority: &Tollgate,
    contenders: &[Contender],
    at: &[Found],
) -> io::Result<String> {
    let rate = at[3].rate() / 2.0;
    let found = compete(setup, authority, &["--set", "token", "--rate", &format!("{rate:.0}")], contenders)?;
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|one| {
            vec![
                one.name.to_owned(),
                format!("{:.0} µs", one.median(|run| run.latency.p50)),
                format!("{:.0} µs", one.median(|run| run.latency.p99)),
                format!("{:.0} µs", one.median(|run| run.latency.p999)),
                format!("{:.2}", one.ratio(&found[1], |run| run.latency.p99)),
            ]
        })
        .collect();
    let name = format!("open loop, {}/s", count(rate));
    Ok(table(&[&name, "p50", "p99", "p99.9", "p99 of bare hyper with the cryptography"], &rows))
}

/// Far more requests than the server can answer, all at once.
pub(crate) fn overload(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let folder = setup.folder()?;
    setup.seed(folder.path(), 100)?;
    let server = setup.tollgate(folder.path(), true)?;
    let full = setup.load(server.api, &server.data, &["--set", "token"])?;
    let half = format!("{:.0}", full.per_second * 0.5);
    let five_times = format!("{:.0}", full.per_second * 5.0);
    let mut rows = Vec::new();
    for (name, connections, rate) in [
        ("half", "32", half.as_str()),
        ("five times", "32", &five_times),
        ("five times", "2000", &five_times),
        ("five times", "8000", &five_times),
        ("five times", "12000", &five_times),
    ] {
        let args = ["--set", "token", "--connections", connections, "--rate", rate];
        let before = process::cpu_seconds(&server.process.id().to_string())?;
        let run = setup.load(server.api, &server.data, &args)?;
        let busy = process::cpu_seconds(&server.process.id().to_string())? - before;
        let due = run.latency_of_successes.unwrap_or(run.latency);
        let sent = run.latency_from_sending;
        let shed = run.statuses.get(&503).copied().unwrap_or(0) as f64 / run.seconds;
        rows.push(vec![
            name.to_owned(),
            connections.to_owned(),
            count(run.successes_per_second()),
            count(shed),
            run.broken.to_string(),
            format!("{:.1} ms", sent.p50 / 1e3),
            format!("{:.1} ms", sent.p99 / 1e3),
            format!("{:.1} ms", due.p50 / 1e3),
            format!("{:.0} %", 100.0 * busy / (setup.warm_up + setup.time).as_secs_f64()),
        ]);
    }
    let head = [
        "of what it can carry",
        "connections",
        "tokens/s",
        "503/s",
        "broken",
        "p50 of the tokens, from sending",
        "p99",
        "p50, from when each was due",
        "server's core",
    ];
    let note = format!("It can carry {}/s in the closed loop.\n", count(full.per_second));
    Ok(vec![("overload", format!("{}\n{note}", table(&head, &rows)))])
}
