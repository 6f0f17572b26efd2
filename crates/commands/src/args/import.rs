//! Clients of another authority.

use std::path::PathBuf;
use std::str::FromStr;

use clap::ArgGroup;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use tollgate_core::{Environment, MerchantId, Scope};
use tollgate_operator::import::Source;

use super::common::{WhereArgs, Why};

#[derive(Debug, clap::Args)]
#[command(after_help = FORMS, group(ArgGroup::new("whose").args(["merchant", "merchant_from"])))]
pub(crate) struct ImportArgs {
    /// What wrote the file.
    #[arg(long, value_name = "SOURCE", value_parser = source())]
    pub(crate) from: Source,
    /// The file. It has secrets, or their hashes: delete it afterwards.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Shows what would be done with each client, and does nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The merchant of every client.
    #[arg(long, value_name = "MERCHANT_ID")]
    pub(crate) merchant: Option<MerchantId>,
    /// Where the file has a client's merchant, by id or by name: a member of the client or a column, such as `owner`,
    /// `attributes.merchant` or `metadata.merchant_id`. Of a CSV file `merchant`, without it.
    #[arg(long, value_name = "MEMBER")]
    pub(crate) merchant_from: Option<String>,
    /// Creates the merchants that are missing, by their names.
    #[arg(long, conflicts_with = "merchant")]
    pub(crate) create_merchants: bool,
    /// The scope of every client, in place of those in the file.
    #[arg(long, value_name = "SCOPE", conflicts_with_all = ["map_scope", "optional_scopes"])]
    pub(crate) scope: Option<Scope>,
    /// What a word of a scope becomes: other words separated by spaces, or nothing; may be repeated. The words of the Payment API stay.
    #[arg(long, value_name = "WORD=SCOPE")]
    pub(crate) map_scope: Vec<WordBecomes>,
    /// Takes the optional client scopes of Keycloak as well. Tokens then have them without asking.
    #[arg(long)]
    pub(crate) optional_scopes: bool,
    /// `test` or `live`, where the file does not say; without it `test` where the configuration has the sandbox on, and `live` elsewhere.
    #[arg(long, value_name = "ENVIRONMENT")]
    pub(crate) env: Option<Environment>,
    /// A file to write, as CSV: which id each client had, and which it has.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) map: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) on: WhereArgs,
    #[command(flatten)]
    pub(crate) why: Why,
}

/// What a word of a scope becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WordBecomes {
    pub(crate) word: String,
    pub(crate) scope: Scope,
}

impl FromStr for WordBecomes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, scope) =
            text.split_once('=').filter(|(word, _)| !word.is_empty()).ok_or("expected WORD=SCOPE")?;
        let scope = scope.parse().map_err(|error: tollgate_core::ScopeError| error.to_string())?;
        Ok(Self { word: word.to_owned(), scope })
    }
}

fn source() -> impl TypedValueParser<Value = Source> {
    PossibleValuesParser::new(Source::ALL.map(Source::name)).try_map(|name| name.parse())
}

const FORMS: &str = "\
keycloak: an export of a realm (`kc.sh export`), or a JSON array of its clients. Imported are the clients with a service account and a \
secret.
hydra: the rows of its table hydra_client, as a JSON array or a line of JSON each: id, client_name, client_secret, scope, grant_types, \
token_endpoint_auth_method. Its API shows no hash.
csv: a line each, after one with the names of the columns: client_id, and secret or secret_hash; name, scope, merchant and environment \
if they are known.

An id that is a UUID stays; a client with any other gets another one, which its owner must be told (--map). A second run leaves what \
was imported as it is.";
