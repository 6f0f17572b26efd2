//! `tollgate config check`: shows the effective configuration of a server, and what keeps the server from starting.

use std::path::Path;

use tollgate_commands::{
    Failure, open,
    output::{self, Format},
    say,
};
use tollgate_config::{Config, Database};
use tollgate_operator::named_secret::{database_password, provider_secret, sharing};
use tollgate_operator::opening;

use crate::certificate::Served;
use crate::{serve, telemetry};

/// Prints the effective configuration, and fails for everything because of which `serve` would refuse to start, except for opening
/// the store and listening. With `settings_only`, files and variables that the configuration names are not read.
pub(crate) fn run(file: Option<&Path>, settings_only: bool, format: Format) -> Result<(), Failure> {
    let file = open::named_file(file);
    say::note(&match &file {
        Some(file) => format!("checking {}, and the environment over it", file.display()),
        None => "checking what the environment configures".to_owned(),
    });
    let config = serve::read(file.as_deref())?;
    match format {
        Format::Text => output::lines(&config.to_redacted_toml())?,
        Format::Json => output::object(format, &config.to_redacted_json())?,
    }
    for warning in config.warnings() {
        say::warning(&warning);
    }
    let mut problems: Vec<String> = open::unsafe_ones(&config.check_production()).collect();
    if !settings_only {
        problems.extend(unreadable(&config));
        warn_of_provider(&config);
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::of_several(problems)) }
}

/// Reads what a server reads when it starts, and lists what can't be read or used.
fn unreadable(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    for source in &config.master_key {
        problems.extend(opening::master_key(config, source).err().map(|problem| problem.to_string()));
    }
    let store = match (&config.database.url, &config.database.password) {
        (Database::Sqlite(path), _) => opening::check_store(path),
        (Database::Postgres(_), Some(source)) => database_password(source, sharing(config)).map(drop),
        (Database::Postgres(_), None) => Ok(()),
    };
    problems.extend(store.err().map(|problem| problem.to_string()));
    problems.extend(Served::unusable(config).iter().map(ToString::to_string));
    problems.extend(telemetry::check(config).err().map(|failure| failure.to_string()));
    problems
}

/// Warns of a provider that can't be used. A server starts without it, and logs that.
fn warn_of_provider(config: &Config) {
    if config.console.oidc.is_set()
        && let Err(problem) = provider_secret(config)
    {
        say::warning(&format!("nobody can sign in to the console by the provider: {problem}"));
    }
}
