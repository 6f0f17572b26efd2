//! The `tollgate` binary: parses, wires, prints.

mod agent;
mod answer;
mod args;
mod call;
mod caller;
mod certificate;
mod check;
mod client_kit;
mod dev;
mod hardening;
mod openapi;
mod operator_routes;
mod reload;
mod sandbox;
mod serve;
mod shells;
mod signals;
mod sockets;
mod supervisor;
mod telemetry;
mod token;

use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use tollgate_commands::{Failure, adopt, say};

use crate::args::{Args, Command, ConfigCommand};

fn main() -> ExitCode {
    match run(args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say::failure(&failure);
            failure.exit_code()
        }
    }
}

fn run(args: Args) -> Result<(), Failure> {
    let format = args.format;
    match args.command {
        Command::Dev(args) => hardened(dev::run(args, format)),
        Command::Serve(args) => hardened(serve::run(args, sockets::given()?)),
        Command::Operator(command) => on_this_thread(command.run(format)),
        Command::Token(args) => on_this_thread(token::run(args, format)),
        Command::Call(args) => on_this_thread(call::run(args, format)),
        Command::Agent(args) => hardened(agent::run(args, format)),
        Command::Openapi(args) => openapi::run(&args),
        Command::Completions { shell } => shells::completions(shell),
        Command::Man { dir } => shells::man(&dir),
        Command::Config(ConfigCommand::Adopt(args)) => on_this_thread(adopt(args, format)),
        Command::Config(ConfigCommand::Check { config, settings_only }) => {
            check::run(config.as_deref(), settings_only, format)
        }
    }
}

/// Runs a command that holds secrets while it serves.
fn hardened(command: impl Future<Output = Result<(), Failure>> + Send + 'static) -> Result<(), Failure> {
    // Before threads are started, and before a secret is read.
    hardening::harden()?;
    on_all_cores(Box::pin(command))
}

/// Runs a command as a task of the runtime. On this thread each of its wake-ups would switch threads.
fn on_all_cores(command: Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>) -> Result<(), Failure> {
    let mut runtime = Builder::new_multi_thread();
    // Tasks run in the order in which they became ready. By default, tasks in the shared queue, where they are when there are
    // very many connections, wait for seconds behind those in a worker's own queue.
    runtime.global_queue_interval(1);
    let task = async {
        tokio::spawn(command).await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    };
    block_on(runtime, Box::pin(task))
}

fn on_this_thread(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    block_on(Builder::new_current_thread(), Box::pin(command))
}

/// A running command. Its type is erased, so that a runtime's loop is compiled once for all of them.
type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

fn block_on(mut runtime: Builder, command: Running<'_>) -> Result<(), Failure> {
    let runtime = runtime.enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("no threads can be started: {error}")))?;
    let result = runtime.block_on(async {
        outlive_the_file_size_limit();
        command.await
    });
    // A command that was ended at once may have left work that nobody waits for.
    runtime.shutdown_timeout(LAST_WORK);
    result
}

/// How long the end of the process waits for work on other threads.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Makes a write beyond the limit on the size of files (`ulimit -f`) fail like one to a full disk; without a handler the
/// signal would end the process.
fn outlive_the_file_size_limit() {
    const SIGXFSZ: i32 = 25;
    // The handler stays when its receiver is dropped. If it can't be set, the limit ends the process, as before.
    let _ = signal(SignalKind::from_raw(SIGXFSZ));
}
