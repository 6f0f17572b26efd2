//! Which command is run.

use clap::{ArgMatches, Error, FromArgMatches, Subcommand};

use crate::args::{
    ApplyArgs, AuditCommand, ClientCommand, ConsoleCommand, KeyCommand, MerchantCommand, RevokeArgs,
    SecretCommand, StoreArgs, StoreCommand,
};
use crate::failure::Failure;
use crate::output::Format;
use crate::{apply, audit, clients, console, inspect, keys, merchants, secrets, store, tokens};

/// A command of an operator, with its arguments: one of those that are flattened into the command line of the program.
#[derive(Debug)]
pub struct Command(Kind);

#[derive(Debug, Subcommand)]
enum Kind {
    /// Creates, shows and administers merchants.
    #[command(subcommand)]
    Merchant(MerchantCommand),
    /// Creates, shows and administers clients.
    #[command(subcommand)]
    Client(ClientCommand),
    /// Adds, shows and revokes the secrets of a client.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Refuses a token, or all tokens that a client or the clients of a merchant have; what they obtain from then on is good.
    Revoke(RevokeArgs),
    /// Makes merchants and clients be as a file says, and changes nothing where they are.
    ///
    /// What was done stands if it is interrupted; another run does the rest.
    Apply(ApplyArgs),
    /// Shows and rotates the signing keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Shows, verifies and exports the audit trail: who did what, when, from where and why.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Lets people sign in to the console, and signs them out.
    #[command(subcommand)]
    Console(ConsoleCommand),
    /// Prepares, checks and backs up the store, and moves it to another engine or master key.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Decodes a token from standard input and says why it would be refused.
    Inspect(StoreArgs),
}

impl Command {
    /// Runs the command, and prints its result.
    pub async fn run(self, format: Format) -> Result<(), Failure> {
        match self.0 {
            Kind::Merchant(command) => merchants::run(command, format).await,
            Kind::Client(command) => clients::run(command, format).await,
            Kind::Secret(command) => secrets::run(command, format).await,
            Kind::Revoke(args) => tokens::run(args, format).await,
            Kind::Apply(args) => apply::run(args, format).await,
            Kind::Key(command) => keys::run(command, format).await,
            Kind::Audit(command) => audit::run(command, format).await,
            Kind::Console(command) => console::run(command, format).await,
            Kind::Store(command) => store::run(command, format).await,
            Kind::Inspect(store) => inspect::run(&store, format).await,
        }
    }
}

impl FromArgMatches for Command {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Kind::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl Subcommand for Command {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        Kind::augment_subcommands(command)
    }

    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Kind::augment_subcommands_for_update(command)
    }

    fn has_subcommand(name: &str) -> bool {
        Kind::has_subcommand(name)
    }
}
