//! Commands that call the API as a client.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use tollgate_agent::{HostName, endpoint_for_others, endpoint_for_this_machine};
use tollgate_config::{HeaderSource, ResourceAttribute, Sample, parse_base_url, parse_duration};
use tollgate_edge::Endpoint;

use tollgate_commands::Unrepeated;

/// Which client calls, and which API.
#[derive(Debug, clap::Args)]
#[command(after_help = WHO_CALLS)]
pub(crate) struct CallerArgs {
    /// A folder of `tollgate dev`, whose client calls.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A host in your own cluster that is called over http, so that secrets and tokens go there in the clear; may be
    /// repeated. `TOLLGATE_ALLOW_HTTP_TO` names such hosts, too.
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_http_to: Vec<String>,
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
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = Unrepeated(header))]
    pub(crate) header: Vec<(HeaderName, HeaderValue)>,
    /// The idempotency key: the call can be repeated with it, and is done once.
    #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
    pub(crate) idempotency_key: Option<HeaderValue>,
    /// Prints the status and the headers before the body.
    #[arg(short, long)]
    pub(crate) include: bool,
    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

/// The body of a request, from the command line.
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
    #[arg(long, value_name = "ADDRESS", value_parser = endpoint_for_this_machine)]
    pub(crate) listen: Vec<Endpoint>,
    /// Where to forward to; without it the base URL of the API.
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<String>,
    /// Where to show /healthz (process up), /readyz (a token is at hand) and /metrics.
    #[arg(long, value_name = "ADDRESS", value_parser = endpoint_for_this_machine)]
    pub(crate) admin_listen: Option<Endpoint>,
    /// A file to keep the current access token in, for programs that read one. It is replaced at each renewal.
    #[arg(long, value_name = "PATH")]
    pub(crate) token_file: Option<PathBuf>,
    /// Where to listen for other machines, such as the containers of one Compose file; may be repeated. Whoever reaches it uses
    /// the token.
    #[arg(long, value_name = "ADDRESS", value_parser = endpoint_for_others, requires = "allow_host")]
    pub(crate) listen_remote: Vec<Endpoint>,
    /// A name that requests may have as their Host, besides the agent's own address; may be repeated.
    #[arg(long, value_name = "NAME[:PORT]")]
    pub(crate) allow_host: Vec<HostName>,
    /// The scopes of the token; without it all of the client's.
    #[arg(long, value_name = "SCOPES")]
    pub(crate) scope: Option<String>,
    /// The API that the token is for; without it the default one of the authority.
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) audience: Option<String>,
    /// Connections at a time; over it callers are answered 503.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: Option<u32>,
    /// How long connecting to the upstream may take; 5s unless told.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) connect_timeout: Option<Duration>,
    /// How long the upstream's answer may keep off; 60s unless told.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) answer_timeout: Option<Duration>,
    /// How long a call for a token may take; 5s unless told.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) token_timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

/// What is sent by OTLP.
#[derive(Debug, clap::Args)]
pub(crate) struct TelemetryArgs {
    /// Where to send traces and metrics by OTLP: the base URL of a collector, such as `http://127.0.0.1:4318`.
    #[arg(long, value_name = "URL", value_parser = parse_base_url)]
    pub(crate) otlp_endpoint: Option<String>,
    /// A header that is sent along, by where its value is: NAME=file:PATH or NAME=env:NAME; may be repeated.
    #[arg(long, value_name = "NAME=REFERENCE", requires = "otlp_endpoint", value_parser = Unrepeated(otlp_header))]
    pub(crate) otlp_header: Vec<HeaderSource>,
    /// The share of the traces to record that begin here; a caller's traceparent decides about its own. 1% unless told.
    #[arg(long, value_name = "SHARE", requires = "otlp_endpoint")]
    pub(crate) trace_sample: Option<Sample>,
    /// What the agent is called there (service.name); tollgate-agent unless told.
    #[arg(long, value_name = "NAME", requires = "otlp_endpoint")]
    pub(crate) service_name: Option<String>,
    /// What else is said of it, such as deployment.environment.name=production; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", requires = "otlp_endpoint")]
    pub(crate) otlp_attribute: Vec<ResourceAttribute>,
}

/// Parses a method, and writes it in capitals.
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

fn header(text: &str) -> Result<(HeaderName, HeaderValue), Cow<'static, str>> {
    let form = "a header is written as 'Name: value'";
    let (name, value) = text.split_once(':').ok_or(form)?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| form)?;
    match name.as_str() {
        "authorization" | "proxy-authorization" => {
            Err("secrets are never taken from arguments; the token is added automatically".into())
        }
        "connection" | "content-length" | "host" | "transfer-encoding" => {
            Err("this header is set automatically".into())
        }
        "idempotency-key" => Err("use --idempotency-key".into()),
        _ => Ok((name, HeaderValue::from_str(value.trim()).map_err(|_| form)?)),
    }
}

fn otlp_header(text: &str) -> Result<HeaderSource, Cow<'static, str>> {
    text.parse().map_err(|expected: &'static str| expected.into())
}

fn idempotency_key(text: &str) -> Result<HeaderValue, &'static str> {
    let is_one = (1..=255).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let key = HeaderValue::from_str(text).ok().filter(|_| is_one);
    key.ok_or("a key has 1 to 255 printable ASCII characters")
}
