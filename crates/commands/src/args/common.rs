//! What many commands have: where they act, on what, and why.

use std::path::PathBuf;

use clap::ArgGroup;
use tollgate_admin::Reason;
use tollgate_core::{ClientId, MerchantId};

use crate::confirm::Confirm;

/// Which store a command acts on.
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("store").args(["config", "data"])), after_help = WHICH_STORE)]
pub(crate) struct StoreArgs {
    /// The configuration file that names the store.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// A folder of `tollgate dev`.
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
}

/// Whether a command acts on a store, or by a server.
#[derive(Debug, clap::Args)]
pub(crate) struct WhereArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// The URL of a server's `admin_listen`, which is told to do it instead, as the client that `TOLLGATE_BASE_URL`,
    /// `TOLLGATE_CLIENT_ID` and `TOLLGATE_CLIENT_SECRET` describe.
    #[arg(long, value_name = "URL", conflicts_with = "store")]
    pub(crate) server: Option<String>,
}

const WHICH_STORE: &str = "\
Which store: that of the configuration that --config or TOLLGATE_CONFIG names; or else of ./tollgate.toml; or else the one \
that the environment configures, if TOLLGATE_DATABASE__URL or TOLLGATE_MASTER_KEY is set; or else the dev folder ./.tollgate. \
Standard error says which it was.";

/// Why something is done.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Why {
    /// Why this is done, for the audit trail: up to 500 characters, such as the number of a ticket.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<Reason>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct MerchantArgs {
    /// The merchant.
    #[arg(value_name = "MERCHANT_ID")]
    pub(crate) merchant: MerchantId,
    #[command(flatten)]
    pub(crate) on: WhereArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ClientArgs {
    /// The client.
    #[arg(value_name = "CLIENT_ID")]
    pub(crate) client: ClientId,
    #[command(flatten)]
    pub(crate) on: WhereArgs,
}

/// What is changed, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Changing<T: clap::Args> {
    #[command(flatten)]
    pub(crate) what: T,
    #[command(flatten)]
    pub(crate) why: Why,
}

/// What ends, whether that is asked about first, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Ending<T: clap::Args> {
    #[command(flatten)]
    pub(crate) what: T,
    #[command(flatten)]
    pub(crate) confirm: Confirm,
    #[command(flatten)]
    pub(crate) why: Why,
}
