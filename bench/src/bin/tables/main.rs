//! Runs the benchmarks and writes what they found into the tables of `docs/benchmarks.md`. `scripts/bench` builds
//! everything and calls it.

mod agent;
mod algorithms;
mod client;
mod codec;
mod creates;
mod document;
mod failover;
mod guards;
mod keys;
mod machine;
mod many;
mod nodes;
#[allow(
    dead_code,
    unfulfilled_lint_expectations,
    clippy::unwrap_used,
    reason = "it is of the tests of the store, which use more of it"
)]
#[path = "../../../../crates/store-postgres/src/tests/server.rs"]
mod postgres_server;
mod rates;
mod rotation;
mod servers;
mod start;
mod timing;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::document::Document;
use crate::servers::Setup;

#[derive(Debug, Parser)]
#[command(about = "Runs the benchmarks and writes docs/benchmarks.md")]
struct Args {
    /// Only these sections; without any, all of them.
    #[arg(value_enum)]
    sections: Vec<Section>,
    /// Few and short runs: whether everything works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// Prints the tables and leaves the document as it is.
    #[arg(long)]
    dry: bool,
    /// How many times each figure of a comparison is taken.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each of those runs measures.
    #[arg(long, default_value = "4s", value_parser = humantime::parse_duration)]
    time: Duration,
    /// The core on which every server runs.
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// The core on which the load is made.
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// The folder of the built programs.
    #[arg(long, value_name = "DIR", default_value = "target/bench/dist")]
    bin: PathBuf,
    /// The document.
    #[arg(long, value_name = "FILE", default_value = "docs/benchmarks.md")]
    document: PathBuf,
}

/// A section of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Requests a second against the floors, and latency at half of the greatest rate.
    Rates,
    /// Five times the load that the server can carry.
    Overload,
    /// A million clients: start, memory, latency, and that the store is not written.
    Million,
    /// From `tollgate dev` to the first token.
    Start,
    /// Payment requests created a second, each under an idempotency key, on both engines.
    Creates,
    /// Ten million idempotency keys in PostgreSQL.
    Keys,
    /// What twenty failovers of a PostgreSQL cluster hold up.
    Failover,
    /// Several servers on one PostgreSQL: how soon a change counts on another one, and what a request costs.
    Nodes,
    /// What the agent adds to a request.
    Agent,
    /// Whether the time of a refusal tells its reason.
    Timing,
    /// Minting and verifying alone.
    Codec,
    /// Minting and verifying with each algorithm, against the primitive alone.
    Algorithms,
    /// How soon a revocation counts at a guard in another process.
    Guards,
    /// A rotation of every algorithm's key under 32 verifiers that keep what they have read, six minutes.
    Rotation,
    /// Reading a fresh token in the caller.
    Client,
}

impl Section {
    const ALL: [Self; 15] = [
        Self::Rates,
        Self::Overload,
        Self::Million,
        Self::Start,
        Self::Creates,
        Self::Keys,
        Self::Failover,
        Self::Nodes,
        Self::Agent,
        Self::Timing,
        Self::Codec,
        Self::Algorithms,
        Self::Guards,
        Self::Rotation,
        Self::Client,
    ];

    fn run(self, setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
        match self {
            Self::Rates => rates::run(setup),
            Self::Overload => rates::overload(setup),
            Self::Million => many::run(setup),
            Self::Start => start::run(setup),
            Self::Creates => creates::run(setup),
            Self::Keys => keys::run(setup),
            Self::Failover => failover::run(setup),
            Self::Nodes => nodes::run(setup),
            Self::Agent => agent::run(setup),
            Self::Timing => timing::run(setup),
            Self::Codec => codec::run(setup),
            Self::Algorithms => algorithms::run(setup),
            Self::Guards => guards::run(setup),
            Self::Rotation => rotation::run(setup),
            Self::Client => client::run(setup),
        }
    }
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    let setup = Setup::new(&args)?;
    let mut document = Document::read(&args.document)?;
    let sections = if args.sections.is_empty() { Section::ALL.to_vec() } else { args.sections.clone() };
    document.set("machine", &machine::table(&setup)?)?;
    for section in sections {
        eprintln!("== {section:?}");
        for (name, table) in section.run(&setup)? {
            println!("{table}");
            document.set(name, &table)?;
        }
        // What is measured stays measured if a later section fails.
        if !args.dry {
            document.write(&args.document)?;
        }
    }
    Ok(())
}
