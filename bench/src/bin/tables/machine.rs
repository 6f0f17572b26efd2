//! What the figures were taken on, and of what.

use std::process::Command;
use std::time::SystemTime;
use std::{fs, io};

use crate::document;
use crate::servers::Setup;

fn row(name: &str, value: impl Into<String>) -> Vec<String> {
    vec![name.to_owned(), value.into()]
}

pub(crate) fn table(setup: &Setup) -> io::Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map(|(_, model)| model);
    let cores = std::thread::available_parallelism()?.get();
    let rustc = said("rustc", &["--version"]);
    let version = said(setup.program("tollgate"), &["--version"]);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let day = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    // The first two arguments are the script's own: where it put the programs.
    let command = std::env::args().skip(3).collect::<Vec<_>>().join(" ");
    let rounds = if setup.quick {
        "quick run: these figures are not to be relied on".to_owned()
    } else {
        format!("{} of {}", setup.rounds, humantime::format_duration(setup.time))
    };
    Ok(table_of(&[
        row("command", format!("`{}`", format!("scripts/bench {command}").trim())),
        row("taken on", &day[..10]),
        row("processor", format!("{}, {cores} cores", model.unwrap_or("unknown"))),
        row("kernel", format!("Linux {}", kernel.trim())),
        row("pinning", format!("server on core {}, load on core {}", setup.server_core, setup.load_core)),
        row("version", version),
        row("compiler", format!("{rustc}; fat LTO, one codegen unit")),
        row("runs of a comparison", rounds),
    ]))
}

fn table_of(rows: &[Vec<String>]) -> String {
    document::table(&["", ""], rows)
}

fn said(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().ok().filter(|output| output.status.success());
    output.map_or_else(
        || "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
