//! The command line. Secrets are never taken from it.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use tollgate_agent::Endpoint;
use tollgate_core::{ClientId, Environment, MerchantId, Scope, SecretId};
use tollgate_server::config::{Database, SecretSource};

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

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs everything on this machine, with a demo merchant and client.
    Dev(DevArgs),
    /// Runs the server in production; refuses to start on an unsafe setting.
    Serve(ServeArgs),
    /// Creates and shows merchants.
    #[command(subcommand)]
    Merchant(MerchantCommand),
    /// Creates, shows and administers clients.
    #[command(subcommand)]
    Client(ClientCommand),
    /// Adds, shows and revokes the secrets of a client.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Shows and rotates the signing keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Looks at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Obtains an access token as a client, and prints it.
    Token(CallerArgs),
    /// Makes a call with an access token, and prints the body of the answer as it is.
    ///
    /// It fails where the answer is an error (4xx or 5xx). A POST gets an Idempotency-Key unless it has one. A 401 about
    /// the token is answered by another token and the same request, once. Redirects are not followed. Each call obtains
    /// a token, and none is kept: for many calls run `tollgate agent`.
    Call(CallArgs),
    /// Adds the token to the requests of other programs: a local proxy, a file with the token, or both.
    ///
    /// It forwards every request to the API and adds the access token. Over TCP it wants the header X-Tollgate-Agent: 1.
    /// Its log is in the format that --format names.
    Agent(AgentArgs),
    /// Prepares the store, and moves it to another engine.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Decodes a token from standard input and says why it would be refused.
    Inspect(StoreArgs),
    /// Prints the description of the HTTP API: an OpenAPI 3.1 document, which /openapi.json serves, too.
    Openapi(OpenapiArgs),
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
    /// The configuration file; without it the environment alone configures.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OpenapiArgs {
    /// The configuration file of the server that is described; without it the one that `tollgate dev` runs.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Which store a command acts on. Without either: the one of `./tollgate.toml`, or else the `dev` folder `./.tollgate`.
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("store").args(["config", "data"])))]
pub(crate) struct StoreArgs {
    /// The configuration file that names the store.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// A folder of `tollgate dev`.
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
}

/// Which client calls, and which API.
#[derive(Debug, clap::Args)]
#[command(after_help = WHO_CALLS)]
pub(crate) struct CallerArgs {
    /// A folder of `tollgate dev`, whose client calls.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

const WHO_CALLS: &str = "\
Who calls: the client of the folder that --data names. Without --data: the client that TOLLGATE_BASE_URL, \
TOLLGATE_CLIENT_ID and TOLLGATE_CLIENT_SECRET describe, each a value or where it is kept (file:PATH, env:NAME, vault:…, \
gcp:…, aws:…). Where none of the three is set: the client of ./.tollgate.";

#[derive(Debug, clap::Args)]
pub(crate) struct CallArgs {
    /// The method, such as GET.
    #[arg(value_name = "METHOD", value_parser = method)]
    pub(crate) method: Method,
    /// The path with its query, below the base URL.
    #[arg(value_name = "PATH", value_parser = path)]
    pub(crate) path: String,
    /// The body: a text, the bytes of a file, or those on standard input. It is JSON unless a header says otherwise.
    #[arg(short = 'd', long, value_name = "BODY|@FILE|@-", value_parser = body)]
    pub(crate) body: Option<Body>,
    /// A header; may be repeated.
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = HeaderParser)]
    pub(crate) header: Vec<(HeaderName, HeaderValue)>,
    /// What makes it harmless to repeat the call: with the same key, it is done once.
    #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
    pub(crate) idempotency_key: Option<HeaderValue>,
    /// Prints the status and the headers before the body.
    #[arg(short, long)]
    pub(crate) include: bool,
    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Text(String),
    File(PathBuf),
    Stdin,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AgentArgs {
    /// Where to listen: a loopback address or unix:PATH; may be repeated. Without it 127.0.0.1:7070, or nothing where a
    /// token file is kept.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<Endpoint>,
    /// Where to forward to; without it the base URL of the API.
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<String>,
    /// Where to show /healthz (process up), /readyz (a token is at hand) and /metrics.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin_listen: Option<Endpoint>,
    /// A file to keep the current access token in, for programs that read one. It is replaced at each renewal.
    #[arg(long, value_name = "PATH")]
    pub(crate) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MerchantCommand {
    /// Creates a merchant.
    Create {
        /// What people call it; payment pages show it.
        #[arg(long, value_parser = name)]
        name: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Shows every merchant.
    List {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Refuses every client of a merchant, and every token they have, until it is enabled again.
    Disable(MerchantArgs),
    /// Accepts the clients of a disabled merchant again; the tokens they had stay refused.
    Enable(MerchantArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct MerchantArgs {
    /// The merchant.
    #[arg(value_name = "MERCHANT_ID")]
    pub(crate) merchant: MerchantId,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Creates a client with a secret, and shows the secret: once, it is not kept.
    #[command(group(ArgGroup::new("for").required(true).args(["merchant", "operator"])))]
    Create {
        /// The merchant it acts for.
        #[arg(long, value_name = "MERCHANT_ID")]
        merchant: Option<MerchantId>,
        /// It acts for every merchant.
        #[arg(long)]
        operator: bool,
        /// What people call it.
        #[arg(long, value_parser = name)]
        name: String,
        /// The most its tokens may allow, separated by spaces.
        #[arg(long, default_value = "payments:read payments:write")]
        scope: Scope,
        /// `test` or `live`; without it `test` where the configuration has the sandbox on, and `live` elsewhere.
        #[arg(long, value_name = "ENVIRONMENT")]
        env: Option<Environment>,
        /// A CIDR block that it may call from; may be repeated. Without it: anywhere.
        #[arg(long = "allow-from", value_name = "CIDR")]
        allow_from: Vec<ipnet::IpNet>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Shows every client, or those of a merchant.
    List {
        /// Only the clients of this merchant.
        #[arg(long, value_name = "MERCHANT_ID")]
        merchant: Option<MerchantId>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Shows a client.
    Show(ClientArgs),
    /// Refuses a client everywhere, and every token it has, until it is enabled again.
    Disable(ClientArgs),
    /// Accepts a disabled client again; the tokens it had stay refused.
    Enable(ClientArgs),
    /// Deletes a client with its secrets, and refuses every token it has.
    Delete(ClientArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ClientArgs {
    /// The client.
    #[arg(value_name = "CLIENT_ID")]
    pub(crate) client: ClientId,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Adds a live secret, and shows it: once, it is not kept.
    Create {
        #[command(flatten)]
        client: ClientArgs,
        /// Lets the older secrets lapse after this time, such as `24h`.
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        old_expires_in: Option<Duration>,
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
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Shows the signing keys and their phases.
    List {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Adds a signing key, which signs once every server knows it. No valid token is refused.
    Rotate {
        /// The older keys are in wrong hands: refuses every token signed by them, at once.
        #[arg(long)]
        compromised: bool,
        #[command(flatten)]
        store: StoreArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Validates the configuration and prints the effective one, secrets masked.
    Check {
        /// The configuration file; without it the environment alone configures.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Lets the servers that share the store agree on this configuration's issuer, audience and lifetimes.
    ///
    /// Where several servers run, do this before you restart them one after the other with a new configuration. Those
    /// that have the former one go on for a day, and each takes the others' tokens meanwhile. Where one server runs alone
    /// there is no need to: it does so when it starts.
    Adopt {
        #[command(flatten)]
        store: StoreArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Creates the schema of the store, or brings it up to date. Servers do so themselves, if they have the right to.
    Migrate {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Copies everything into another store, which must be empty. Stop the servers first: it shows one moment.
    Copy(TransferArgs),
    /// Compares everything with another store, table by table; fails if there is a difference.
    Verify(TransferArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct TransferArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// The other store, as in `database.url`; without a password.
    #[arg(long, value_name = "URL")]
    pub(crate) to: Database,
    /// Where the password of the other store is, as in `database.password`: `file:PATH` or `env:NAME`.
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) to_password: Option<SecretSource>,
}

/// A name for people: 1 to 255 bytes, no control characters.
fn name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    match text.len() {
        1..=255 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err("a name has 1 to 255 bytes and no control characters"),
    }
}

/// A method. Those that everybody knows are in capitals on the wire.
fn method(text: &str) -> Result<Method, &'static str> {
    text.to_ascii_uppercase().parse().map_err(|_| "a method is a word, such as GET")
}

fn path(text: &str) -> Result<String, &'static str> {
    let is_one = text.starts_with('/') || text.starts_with("http://") || text.starts_with("https://");
    is_one.then(|| text.to_owned()).ok_or("a path begins with / and is below the base URL")
}

fn body(text: &str) -> Result<Body, &'static str> {
    match text.strip_prefix('@') {
        Some("") => Err("the name of a file follows @, or - for standard input"),
        Some("-") => Ok(Body::Stdin),
        Some(path) => Ok(Body::File(path.into())),
        None => Ok(Body::Text(text.to_owned())),
    }
}

/// Reads a header. Its value may be secret, so unlike clap's own errors this one does not repeat it.
#[derive(Clone)]
struct HeaderParser;

impl TypedValueParser for HeaderParser {
    type Value = (HeaderName, HeaderValue);

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        text: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        header(text.to_str().unwrap_or_default()).map_err(|problem| {
            let message = format!("invalid value for '--header <NAME: VALUE>': {problem}\n");
            clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let form = "a header is written as 'Name: value'";
    let (name, value) = text.split_once(':').ok_or(form)?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| form)?;
    match name.as_str() {
        "authorization" | "proxy-authorization" => {
            Err("secrets are never taken from arguments, and the token is added by itself")
        }
        "connection" | "content-length" | "host" | "transfer-encoding" => Err("this header is set by itself"),
        "idempotency-key" => Err("use --idempotency-key"),
        _ => Ok((name, HeaderValue::from_str(value.trim()).map_err(|_| form)?)),
    }
}

fn idempotency_key(text: &str) -> Result<HeaderValue, &'static str> {
    let is_one = (1..=255).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let key = HeaderValue::from_str(text).ok().filter(|_| is_one);
    key.ok_or("a key has 1 to 255 printable ASCII characters")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Args::command().debug_assert();
    }
}
