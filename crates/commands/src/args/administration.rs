//! Commands that administer an installation or its store.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgGroup, Subcommand};
use ipnet::IpNet;
use tollgate_admin::Name;
use tollgate_config::{Database, SecretSource, parse_lifetime};
use tollgate_core::{Algorithm, Audience, ClientId, Environment, MerchantId, Scope, SecretId, TokenId};
use tollgate_operator::network;

use super::client_update::ClientUpdateArgs;
use super::common::{Changing, ClientArgs, Ending, MerchantArgs, StoreArgs, WhereArgs, Why};
use super::import::ImportArgs;
use super::terms::TermsArgs;
use super::unrepeated::Unrepeated;
use crate::confirm::Confirm;

#[derive(Debug, Subcommand)]
pub(crate) enum MerchantCommand {
    /// Creates a merchant.
    Create {
        /// The id that it has elsewhere; without it one is drawn.
        #[arg(long, value_name = "MERCHANT_ID")]
        id: Option<MerchantId>,
        /// Its name for people; payment pages show it.
        #[arg(long, value_name = "NAME")]
        name: Name,
        #[command(flatten)]
        on: WhereArgs,
        #[command(flatten)]
        why: Why,
    },
    /// Shows every merchant.
    List {
        #[command(flatten)]
        on: WhereArgs,
    },
    /// Shows a merchant.
    Show(MerchantArgs),
    /// Gives a merchant another name.
    Rename {
        #[command(flatten)]
        merchant: MerchantArgs,
        /// Its new name.
        #[arg(long, value_name = "NAME")]
        name: Name,
        #[command(flatten)]
        why: Why,
    },
    /// Refuses every client of a merchant, and every token they have, until it is enabled again.
    Disable(Ending<MerchantArgs>),
    /// Accepts the clients of a disabled merchant again; the tokens they had stay refused.
    Enable(Changing<MerchantArgs>),
    /// Deletes a merchant with its clients and their secrets, and refuses every token they have.
    Delete(Ending<MerchantArgs>),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Creates a client with a secret, and shows the secret once: it is not kept.
    #[command(group(ArgGroup::new("for").required(true).args(["merchant", "operator"])))]
    Create {
        /// The merchant it acts for.
        #[arg(long, value_name = "MERCHANT_ID")]
        merchant: Option<MerchantId>,
        /// It acts for every merchant.
        #[arg(long)]
        operator: bool,
        /// The id that it has elsewhere; without it one is drawn.
        #[arg(long, value_name = "CLIENT_ID")]
        id: Option<ClientId>,
        /// Its name for people.
        #[arg(long, value_name = "NAME")]
        name: Name,
        /// The most its tokens may allow, separated by spaces.
        #[arg(long, default_value = "payments:read payments:write")]
        scope: Scope,
        /// `test` or `live`; without it `test` where the configuration has the sandbox on, and `live` elsewhere.
        #[arg(long, value_name = "ENVIRONMENT")]
        env: Option<Environment>,
        /// A CIDR block that it may call from; may be repeated. Without it: anywhere.
        #[arg(long = "allow-from", value_name = "CIDR", value_parser = network)]
        allow_from: Vec<IpNet>,
        /// An API that its tokens may be for, which the configuration names; may be repeated. The first is the one that it gets
        /// without asking. Without any: that of tokens.audience.
        #[arg(long, value_name = "AUDIENCE")]
        audience: Vec<Audience>,
        #[command(flatten)]
        terms: TermsArgs,
        #[command(flatten)]
        on: WhereArgs,
        #[command(flatten)]
        why: Why,
    },
    /// Creates clients that another authority has, with their ids and their secrets, so that their owners need not change anything.
    Import(Box<ImportArgs>),
    /// Shows every client, or those of a merchant.
    List {
        /// Only the clients of this merchant.
        #[arg(long, value_name = "MERCHANT_ID")]
        merchant: Option<MerchantId>,
        #[command(flatten)]
        on: WhereArgs,
    },
    /// Shows a client.
    Show(ClientArgs),
    /// Changes the name, the scope, the networks, the audiences, the lifetimes, the quota or the labels of a client. Tokens that
    /// it has keep their scope, their audience and their lifetime until they expire.
    Update(ClientUpdateArgs),
    /// Refuses a client everywhere, and every token it has, until it is enabled again.
    Disable(Ending<ClientArgs>),
    /// Accepts a disabled client again; the tokens it had stay refused.
    Enable(Changing<ClientArgs>),
    /// Deletes a client with its secrets, and refuses every token it has.
    Delete(Ending<ClientArgs>),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Adds a secret, and shows it once: it is not kept.
    Create {
        #[command(flatten)]
        client: ClientArgs,
        /// Lets the older secrets expire after this time, such as `24h`.
        #[arg(long, value_name = "TIME", value_parser = parse_lifetime)]
        old_expires_in: Option<Duration>,
        #[command(flatten)]
        why: Why,
    },
    /// Shows the secrets of a client, never their values.
    List(ClientArgs),
    /// Refuses a secret from now on, and every token obtained with it.
    Revoke {
        #[command(flatten)]
        client: ClientArgs,
        /// The secret's id, as `secret list` shows it.
        #[arg(value_name = "SECRET_ID")]
        secret: SecretId,
        #[command(flatten)]
        confirm: Confirm,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("which").required(true).args(["token_id", "client", "merchant"])))]
pub(crate) struct RevokeArgs {
    /// The token with this id, its claim `jti`. That of a refresh token ends the access tokens made with it.
    #[arg(long, value_name = "JTI")]
    pub(crate) token_id: Option<TokenId>,
    /// Every token that this client has.
    #[arg(long, value_name = "CLIENT_ID")]
    pub(crate) client: Option<ClientId>,
    /// Every token that the clients of this merchant have.
    #[arg(long, value_name = "MERCHANT_ID")]
    pub(crate) merchant: Option<MerchantId>,
    #[command(flatten)]
    pub(crate) confirm: Confirm,
    #[command(flatten)]
    pub(crate) on: WhereArgs,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Shows the signing keys and their phases.
    List {
        #[command(flatten)]
        on: WhereArgs,
    },
    /// Adds the first signing key of an algorithm, so that verifiers can read it before anything is signed with it.
    Create {
        /// HS256, ES256, EdDSA, PS256 or RS256.
        #[arg(long)]
        algorithm: Algorithm,
        #[command(flatten)]
        on: WhereArgs,
        #[command(flatten)]
        why: Why,
    },
    /// Prints the public keys, as /oauth2/jwks publishes them.
    Export {
        /// Required, so that nobody takes the output for a backup: private keys never leave the store.
        #[arg(long, required = true)]
        public: bool,
        /// In PEM instead of a JSON Web Key Set.
        #[arg(long)]
        pem: bool,
        #[command(flatten)]
        on: WhereArgs,
    },
    /// Adds a signing key of each algorithm, which signs once whoever verifies can know it. No valid token is refused.
    Rotate {
        /// Only the keys of this algorithm.
        #[arg(long)]
        algorithm: Option<Algorithm>,
        /// The older keys are in the wrong hands: refuse every token signed by them, at once.
        #[arg(long)]
        compromised: bool,
        #[command(flatten)]
        confirm: Confirm,
        #[command(flatten)]
        on: WhereArgs,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Creates the schema of the store, or brings it up to date. Servers do so themselves if they have the right.
    Migrate {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Copies everything into another store, which must be empty. Stop the servers first: what is written later is not copied.
    Copy(TransferArgs),
    /// Compares everything with another store, table by table; fails if there is a difference. Writes nothing.
    Verify(TransferArgs),
    /// Writes a consistent copy of an SQLite store to a new file, checked and readable by its owner alone, while servers write.
    Backup {
        /// The file, which must not exist.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Checks the file and the schema, reads every row, and opens every key with the master key. Changes nothing.
    Check {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Seals the store with the first of the master keys. Secrets and tokens stay good.
    ///
    /// Every running server must have both keys before: see docs/operations.md.
    Rekey {
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct TransferArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// The other store, as in `database.url`; without a password.
    #[arg(long, value_name = "URL", value_parser = Unrepeated(Database::from_str))]
    pub(crate) to: Database,
    /// Where the password of the other store is, as in `database.password`: `file:PATH` or `env:NAME`.
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) to_password: Option<SecretSource>,
}
