//! `tollgate agent`: provides the token to programs in any language.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tollgate_agent::{Agent, Limits, Upstream};
use tollgate_client::{Cached, Caller, ClientCredentials, Settings};
use tollgate_commands::{Failure, output::Format};
use tollgate_config::{LogFormat, LogLevel};
use tollgate_edge::{Endpoint, EndpointListener};
use tollgate_telemetry::{Delivering, Recorder, Telemetry};
use tollgate_token_file::TokenFile;

use crate::args::AgentArgs;
use crate::caller;
use crate::signals::{self, Signals};
use crate::{supervisor, telemetry};

/// The default address on which the agent listens.
const DEFAULT_LISTEN: &str = "127.0.0.1:7070";

/// Runs the local proxy, or keeps the token file, or both, until it is told to stop.
pub(crate) async fn run(args: AgentArgs, format: Format) -> Result<(), Failure> {
    signals::serving(|signals| serve(args, format, signals)).await
}

async fn serve(args: AgentArgs, format: Format, mut signals: Signals) -> Result<(), Failure> {
    let caller = caller::open(&args.caller).await?;
    let upstream = upstream(&args, &caller)?;
    let listeners = bind(&args).await?;
    let admin = match &args.admin_listen {
        Some(endpoint) => Some(EndpointListener::bind(endpoint).await.map_err(Failure::of_error)?),
        None => None,
    };
    let _log = start_log(format)?;
    let telemetry = telemetry::of_agent(&args.telemetry)?;
    // Installed before the first counter is looked up.
    let recorder = record(admin.is_some(), telemetry.as_ref())?;
    let admin = admin.zip(recorder.clone());
    let credentials = Arc::new(credentials(&args, &caller)?);
    let cached = Cached::new(credentials.clone(), Settings::default());
    let agent = Agent::new(upstream, cached.clone(), limits(&args)).map_err(Failure::of_error)?;
    let agent = agent.allow_hosts(args.allow_host.clone());
    let (agent, delivering) = start(agent, telemetry.zip(recorder));
    let file = args.token_file.as_deref().map(|path| keep(path, cached)).transpose()?;
    let listen =
        listeners.iter().map(|listener| listener.endpoint().to_string()).collect::<Vec<_>>().join(" ");
    let admin_listen = admin.as_ref().map(|(listener, _)| tracing::field::display(listener.endpoint()));
    let token_file = args.token_file.as_ref().map(|path| tracing::field::display(path.display()));
    tracing::info!(listen, admin_listen, token_file, "serving");
    supervisor::ready("serving");
    let drained = tokio::select! {
        drained = agent.serve(listeners, admin, signals.end()) => drained,
        never = renew_at_hangup(&mut signals, &credentials) => match never {},
    };
    drop(file);
    telemetry::end(delivering).await;
    tracing::info!(completed = drained.completed, aborted = drained.aborted, "stopped");
    Ok(())
}

/// Returns the upstream that the agent forwards to.
fn upstream(args: &AgentArgs, caller: &Caller) -> Result<Upstream, Failure> {
    let (url, wrong): (_, fn(String) -> Failure) = match &args.upstream {
        Some(url) => (url.as_str(), Failure::of_misuse),
        None => (caller.base_url(), Failure::new),
    };
    Upstream::allowing(url, caller.http_hosts()).map_err(|error| wrong(format!("{url}: {error}")))
}

/// Installs a recorder of metrics, if they are shown or sent.
fn record(is_shown: bool, telemetry: Option<&Telemetry>) -> Result<Option<Recorder>, Failure> {
    let recorder = match telemetry {
        Some(telemetry) => Recorder::default().with(telemetry.counts()),
        None if is_shown => Recorder::default(),
        None => return Ok(None),
    };
    recorder.install().map_err(|error| Failure::new(format!("metrics can't be recorded: {error}")))?;
    Ok(Some(recorder))
}

/// Starts to record the agent's requests and to send its metrics, if a collector is configured.
fn start(agent: Agent, sent: Option<(Telemetry, Recorder)>) -> (Agent, Option<Delivering>) {
    let Some((telemetry, recorder)) = sent else { return (agent, None) };
    let kept = recorder.clone();
    tokio::spawn(async move { kept.upkeep().await });
    let (traces, delivering) = telemetry.metrics(move || recorder.render()).start();
    let agent = match traces {
        Some(traces) => agent.trace(traces),
        None => agent,
    };
    (agent, Some(delivering))
}

/// Reads id and secret again at SIGHUP. Arguments and environment stay as they were.
async fn renew_at_hangup(signals: &mut Signals, credentials: &ClientCredentials) -> Infallible {
    loop {
        signals.hung_up().await;
        match credentials.read_anew().await {
            Ok(changed) => tracing::info!(
                changed,
                "SIGHUP: id and secret were read anew; arguments and environment count after a restart only"
            ),
            Err(error) => {
                tracing::error!(%error, "SIGHUP: id and secret can't be read anew, and those before are used on");
            }
        }
    }
}

/// Returns the token source that the arguments describe.
fn credentials(args: &AgentArgs, caller: &Caller) -> Result<ClientCredentials, Failure> {
    let mut builder = match &args.audience {
        Some(audience) => caller.credentials_builder_for(audience)?,
        None => caller.credentials_builder(),
    };
    if let Some(scope) = &args.scope {
        builder = builder.scope(scope);
    }
    if let Some(timeout) = args.token_timeout {
        builder = builder.timeout(timeout);
    }
    Ok(builder.build()?)
}

fn limits(args: &AgentArgs) -> Limits {
    let Limits { mut callers, mut upstream } = Limits::default();
    let connections = args.max_connections.and_then(|number| usize::try_from(number).ok());
    callers.max_connections = connections.unwrap_or(callers.max_connections);
    upstream.connect = args.connect_timeout.unwrap_or(upstream.connect);
    upstream.answer = args.answer_timeout.unwrap_or(upstream.answer);
    Limits { callers, upstream }
}

/// Binds the addresses that the arguments name. An agent that only keeps a token file needs no listener.
async fn bind(args: &AgentArgs) -> Result<Vec<EndpointListener>, Failure> {
    let default = [DEFAULT_LISTEN.parse::<Endpoint>().expect("it is one")];
    let is_default = args.listen.is_empty() && args.listen_remote.is_empty() && args.token_file.is_none();
    let endpoints = if is_default { &default[..] } else { &args.listen };
    let mut listeners = Vec::new();
    for endpoint in endpoints.iter().chain(&args.listen_remote) {
        listeners.push(EndpointListener::bind(endpoint).await.map_err(Failure::of_error)?);
    }
    Ok(listeners)
}

fn keep(path: &Path, cached: Cached) -> Result<TokenFile, Failure> {
    TokenFile::keep(path, cached).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(format!("{}: {error}", path.display())),
        _ => {
            Failure::new(format!("{}: {error}; name a file in a folder that can be written", path.display()))
        }
    })
}

/// Starts the log, in the format that the command line asks for.
fn start_log(format: Format) -> Result<tollgate_log::Guard, Failure> {
    let format = match format {
        Format::Text => LogFormat::Text,
        Format::Json => LogFormat::Json,
    };
    tollgate_log::init(format, LogLevel::Info)
        .map_err(|error| Failure::new(format!("the log can't be started: {error}")))
}
