//! What is to be different about a client.

use clap::ArgGroup;
use ipnet::IpNet;
use tollgate_admin::Name;
use tollgate_core::{Audience, Scope};
use tollgate_operator::network;
use tollgate_store::{ClientUpdate, LabelsError};

use super::common::{ClientArgs, Why};
use super::terms::TermsUpdateArgs;

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("change").required(true).multiple(true)
    .args(["name", "scope", "allow_from", "allow_from_anywhere", "audience", "access_ttl", "refresh_ttl", "quota",
        "label", "no_labels"])))]
pub(crate) struct ClientUpdateArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    /// Its new name.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Name>,
    /// The most its tokens may allow from now on, separated by spaces.
    #[arg(long)]
    pub(crate) scope: Option<Scope>,
    /// A CIDR block that it may call from, in place of all it has; may be repeated.
    #[arg(long = "allow-from", value_name = "CIDR", value_parser = network)]
    pub(crate) allow_from: Vec<IpNet>,
    /// Lets it call from anywhere.
    #[arg(long, conflicts_with = "allow_from")]
    pub(crate) allow_from_anywhere: bool,
    /// An API that its tokens may be for from now on, in place of all it has; may be repeated. The first is the one that it
    /// gets without asking.
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) audience: Vec<Audience>,
    #[command(flatten)]
    pub(crate) terms: TermsUpdateArgs,
    #[command(flatten)]
    pub(crate) why: Why,
}

impl ClientUpdateArgs {
    /// Returns the changes to the client.
    pub(crate) fn changes(self) -> Result<ClientUpdate, LabelsError> {
        let Self { name, scope, allow_from, allow_from_anywhere, audience, terms, .. } = self;
        terms.add_to(ClientUpdate {
            name: name.map(String::from),
            scope,
            addresses: (allow_from_anywhere || !allow_from.is_empty()).then_some(allow_from),
            audiences: (!audience.is_empty()).then_some(audience),
            ..ClientUpdate::default()
        })
    }
}
