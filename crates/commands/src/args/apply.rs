//! Merchants and clients as code.

use std::path::PathBuf;

use tollgate_operator::apply::SecretsPlace;

use super::common::{WhereArgs, Why};
use crate::confirm::Confirm;

#[derive(Debug, clap::Args)]
#[command(after_help = FORM)]
pub(crate) struct ApplyArgs {
    /// What is wanted: a file whose name ends in .toml, .json, .yaml or .yml.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Shows what would be done, and does nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Deletes what is not in the file: merchants with their clients, clients of merchants that are in it, and operators' clients if
    /// it has any.
    #[arg(long)]
    pub(crate) prune: bool,
    /// Where the secrets of new clients go: a new file that only its owner can read, with a line of JSON for each; or
    /// vault:MOUNT/PATH, where each has an entry with its id as name.
    #[arg(long, value_name = "FILE|vault:MOUNT/PATH")]
    pub(crate) secrets_to: Option<SecretsPlace>,
    /// Prints the secrets of new clients.
    #[arg(long, conflicts_with_all = ["secrets_to", "dry_run"])]
    pub(crate) show_secrets: bool,
    #[command(flatten)]
    pub(crate) confirm: Confirm,
    #[command(flatten)]
    pub(crate) on: WhereArgs,
    #[command(flatten)]
    pub(crate) why: Why,
}

const FORM: &str = "\
The file lists merchants with their clients, and operators' clients, as in

  [[merchants]]
  name = \"Shop\"
  [[merchants.clients]]
  name = \"till\"
  scope = \"payments:read payments:write\"
  [[operators]]
  name = \"desk\"
  scope = \"admin:read\"

Without an id something is known by its name. A client may have environment, allow_from, audiences, access_ttl, refresh_ttl, quota and \
labels, which are none where they are left out; whatever has a status is enabled or disabled.";
