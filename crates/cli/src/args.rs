//! The command line. Secrets are never taken from it.

mod caller;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use tollgate_commands::output::Format;
use tollgate_commands::{AdoptArgs, say};

pub(crate) use caller::{AgentArgs, Body, CallArgs, CallerArgs, TelemetryArgs};

/// Authentication for payment APIs, both ends of it.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, propagate_version = true)]
pub(crate) struct Args {
    /// How to print: text for people, or one JSON document.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) format: Format,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Reads the command line. An error ends the process, and does not repeat what looks like a secret.
pub(crate) fn parse() -> Args {
    let error = match Args::try_parse() {
        Ok(args) => return args,
        Err(error) => error,
    };
    let given = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let secrets: Vec<String> = given.filter(|arg| looks_secret(arg)).collect();
    if secrets.is_empty() {
        error.exit();
    }
    let said = secrets.iter().fold(error.to_string(), |said, secret| said.replace(secret.as_str(), "***"));
    say::plain(&format!("{said}\nSecrets and tokens are never arguments: pipe a token to standard input.\n"));
    std::process::exit(error.exit_code())
}

/// Says whether an argument looks like a token, a secret of a client, or a URL with a password.
fn looks_secret(arg: &str) -> bool {
    let has_password = || {
        let user = arg.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
        user.is_some_and(|(user, _)| user.contains(':'))
    };
    ["eyJ", "Bearer ", "tg_live_", "tg_test_"].iter().any(|begins| arg.contains(begins)) || has_password()
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs everything on this machine, with a demo merchant and client.
    Dev(DevArgs),
    /// Runs the server in production; refuses to start on an unsafe setting.
    Serve(ServeArgs),
    #[command(flatten)]
    Operator(tollgate_commands::Command),
    /// Looks at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Obtains an access token as a client, and prints it.
    Token(CallerArgs),
    /// Makes a call with an access token, and prints the body of the answer as it is.
    ///
    /// It fails unless the answer is a success (2xx). A POST gets an Idempotency-Key unless it has one. A 401 about
    /// the token is answered by another token and the same request, once. Redirects are not followed. Each call obtains
    /// a token, and none is kept: for many calls run `tollgate agent`.
    Call(CallArgs),
    /// Adds the token to the requests of other programs: a local proxy, a file with the token, or both.
    ///
    /// It forwards every request to the API and adds the access token. Over TCP it wants the header X-Tollgate-Agent: 1.
    /// Its log is in the format that --format names.
    Agent(AgentArgs),
    /// Prints the description of the HTTP API: an OpenAPI 3.1 document, which /openapi.json serves, too.
    Openapi(OpenapiArgs),
    /// Prints the completions of the command line for a shell.
    Completions {
        /// The shell.
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Writes a man page for each command.
    Man {
        /// The folder to write them to; it is made if there is none.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct DevArgs {
    /// Where to listen; port 0 lets the system choose one.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the store, the master key and the demo credentials are kept.
    #[arg(long, value_name = "DIR", default_value = "./.tollgate")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// The configuration file; without it `TOLLGATE_CONFIG` names it, or the environment alone configures.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Validates the configuration and prints the effective one, secrets masked.
    ///
    /// It reads the secrets and certificates that the configuration names, as a server would. Run it as the server's user.
    Check {
        /// The configuration file; without it `TOLLGATE_CONFIG` names it, or the environment alone configures.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Reads no secrets and certificates, for where they are not, such as a build.
        #[arg(long)]
        settings_only: bool,
    },
    /// Lets the servers that share the store agree on this configuration's issuer, audience and lifetimes.
    ///
    /// Where several servers run, do this before you restart them one after the other with a new configuration. Those
    /// with the former one go on for a day, and each accepts the others' tokens meanwhile. A single server does it by itself
    /// when it starts.
    Adopt(AdoptArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct OpenapiArgs {
    /// The configuration file of the server that is described; without it the one that `tollgate dev` runs.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Args::command().debug_assert();
    }
}
