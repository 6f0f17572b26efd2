//! What the agent adds to a request, and what of that is forwarding itself.

use std::io;

use tollgate_bench::plain;
use tollgate_bench::stats::median;

use crate::document::{count, table};
use crate::rates::{Contender, Found, compete, empty};
use crate::servers::Setup;

/// Requests a second in the open loop.
const RATE: &str = "5000";

pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let folder = setup.folder()?;
    let data = folder.path();
    setup.seed(data, 1)?;
    let authority = setup.tollgate(data, false)?;
    let upstream = setup.floor(data, &empty(), &[])?;
    let proxy = setup.proxy(upstream.address)?;
    let agent = setup.agent(&authority, upstream.address)?;
    // It has its token before anything counts.
    plain::ask(agent.address, &tollgate_bench::message::forwarded(agent.address))?;
    let contenders = [
        Contender::floor("direct", &upstream),
        Contender::floor("a plain proxy without tokens", &proxy),
        Contender::floor("**tollgate agent**", &agent),
    ];
    let open = compete(setup, &authority, &["--set", "forwarded", "--rate", RATE], &contenders)?;
    let closed = compete(setup, &authority, &["--set", "forwarded"], &contenders)?;
    let rows: Vec<Vec<String>> = open
        .iter()
        .zip(&closed)
        .map(|(open_loop, closed_loop)| {
            let added =
                |figure: fn(&Found) -> f64| format!("{:+.0} µs", figure(open_loop) - figure(&open[0]));
            vec![
                open_loop.name.to_owned(),
                format!("{:.0} µs", p50(open_loop)),
                format!("{:.0} µs", p99(open_loop)),
                added(p50),
                added(p99),
                format!("{:.1} µs", median(open_loop.micros.iter().copied())),
                count(closed_loop.rate()),
                format!("{:.2}", closed_loop.ratio(&closed[1], |run| run.per_second)),
            ]
        })
        .collect();
    let head = [
        "POSTs of 350 bytes",
        "p50 at 5,000/s",
        "p99",
        "p50 added",
        "p99 added",
        "its own processor time of one",
        "requests/s, closed loop",
        "of the plain proxy",
    ];
    Ok(vec![("agent", table(&head, &rows))])
}

fn p50(found: &Found) -> f64 {
    found.median(|run| run.latency.p50)
}

fn p99(found: &Found) -> f64 {
    found.median(|run| run.latency.p99)
}
