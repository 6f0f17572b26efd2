//! From `tollgate dev` to the first token.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_bench::credentials::Credentials;
use tollgate_bench::stats::median;
use tollgate_bench::{plain, process};

use crate::document::{mebibytes, table};
use crate::servers::{Running, Setup, free_address, wait_until};

pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let mut rows = Vec::new();
    let (mut fresh, mut again, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..setup.rounds.max(3) {
        let folder = setup.folder()?;
        let data = folder.path().join("dev");
        let (seconds, _) = first_token(setup, &data)?;
        fresh.push(seconds);
        let (seconds, resident) = first_token(setup, &data)?;
        again.push(seconds);
        memory.push(resident);
    }
    for (name, seconds) in
        [("first start, which makes keys, store and demo client", fresh), ("second start", again)]
    {
        rows.push(vec![name.to_owned(), format!("{:.0} ms", median(seconds) * 1e3)]);
    }
    rows.push(vec!["resident after its first token".to_owned(), mebibytes(median(memory))]);
    Ok(vec![("start", table(&["from the start of `tollgate dev` to its first token, median", ""], &rows))])
}

/// Seconds until a token was had, and what was then resident.
fn first_token(setup: &Setup, data: &Path) -> io::Result<(f64, f64)> {
    let address = free_address()?;
    let mut dev = std::process::Command::new(setup.program("tollgate"));
    dev.args(["dev", "--listen", &address.to_string(), "--data"]).arg(data);
    dev.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    let started = Instant::now();
    let process = Running::start(&mut dev)?;
    wait_until("dev issues a token", Duration::from_micros(500), || {
        credentials(data).is_some_and(|client| plain::token(address, &client).is_ok())
    })?;
    let seconds = started.elapsed().as_secs_f64();
    Ok((seconds, process::resident(process.id())? as f64))
}

fn credentials(data: &Path) -> Option<Credentials> {
    let json: Value = serde_json::from_slice(&std::fs::read(data.join("credentials.json")).ok()?).ok()?;
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    Some(Credentials { client_id: text("client_id")?, client_secret: text("client_secret")? })
}
