//! `tollgate serve`: runs the server in production.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tollgate_admin::audit;
use tollgate_clock::SystemClock;
use tollgate_commands::{Failure, open};
use tollgate_config::{Config, Database};
use tollgate_core::Clock;
use tollgate_installation::Installation;
use tollgate_operator::opening::{self, OpeningError};
use tollgate_operator::{Opened, own_now};
use tollgate_server::{Listeners, Mounted, Server, Tls, Waiting};
use tollgate_store::Access;

use crate::args::ServeArgs;
use crate::certificate::Served;
use crate::hardening::is_memory_locked;
use crate::reload::Reload;
use crate::signals::{self, Signals};
use crate::sockets::Given;
use crate::{operator_routes, sandbox, supervisor, telemetry};

/// Runs the server in production, on the sockets that a supervisor has given.
pub(crate) async fn run(args: ServeArgs, given: Given) -> Result<(), Failure> {
    own_now()?;
    // Before the server reports that it serves: from then on it may be told to end.
    signals::serving(|signals| serve(args, given, signals)).await
}

async fn serve(args: ServeArgs, given: Given, mut signals: Signals) -> Result<(), Failure> {
    let file = open::named_file(args.config.as_deref());
    let config = read(file.as_deref())?;
    let Prepared { listeners, certificates, first } = match prepare(&config, given).await {
        Ok(prepared) => prepared,
        Err(failure) => {
            record_failed_start(&config, &failure).await;
            return Err(failure);
        }
    };
    let tls = Served::tls_of(&certificates);
    let log = start_log(&config)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let installation = match first {
        Ok(opened) => opened,
        Err(error) => tokio::select! {
            opened = wait_for_store(&config, &listeners, tls.clone(), error.into()) => opened?,
            () = signals.end() => return Ok(()),
        },
    };
    let server = Server::new(installation.clone(), false, |loopback| Mounted {
        operators: operator_routes::mounted(&config),
        ..sandbox::routes(&installation, loopback, false, None)
    });
    server.log_requests(log.requests());
    let delivering = telemetry::of_server(&config, &server)?;
    let display = tracing::field::display::<SocketAddr>;
    let (api, admin) = (listeners.api().ok().map(display), listeners.admin().ok().flatten().map(display));
    let memory_locked = is_memory_locked();
    tracing::info!(
        listen = api,
        admin_listen = admin,
        tls = tls.api.is_some(),
        admin_tls = tls.admin.is_some(),
        memory_locked,
        "serving"
    );
    supervisor::ready("serving");
    let reload = Reload { server: server.clone(), log: &log, file, certificates };
    let drained = tokio::select! {
        drained = tollgate_server::run(server, listeners, tls, signals.end()) => drained,
        never = reload.run(&mut signals) => match never {},
    };
    telemetry::end(delivering).await;
    tracing::info!(completed = drained.completed, aborted = drained.aborted, "stopped");
    Ok(())
}

/// What a server needs before it reports anything.
struct Prepared {
    listeners: Listeners,
    certificates: Vec<Served>,
    /// The installation, or why it can't be opened yet.
    first: Result<Arc<Installation>, OpeningError>,
}

async fn prepare(config: &Config, given: Given) -> Result<Prepared, Failure> {
    open::refuse_unsafe(config)?;
    let listeners = Listeners::take(config, given).map_err(Failure::of_error)?;
    let certificates = Served::load_all(config)?;
    match open_installation(config).await {
        Err(error) if !can_wait(config, &error) => Err(error.into()),
        first => Ok(Prepared { listeners, certificates, first }),
    }
}

/// Records that the server did not start, if the store can be opened as it is: the store itself may be what keeps the server from
/// starting, and another program may be using it.
async fn record_failed_start(config: &Config, failure: &Failure) {
    let recording = async {
        // Opened for reading at first: nothing is changed in a store that can't be opened.
        Opened::open(config.clone(), Access::Read, None).await?;
        let opened = Opened::open(config.clone(), Access::Change, None).await?;
        audit::start_failed(&opened.administration(), &failure.to_string()).await?;
        Ok::<_, Failure>(())
    };
    // The failure itself is reported.
    let _ = recording.await;
}

async fn open_installation(config: &Config) -> Result<Arc<Installation>, OpeningError> {
    let (master_keys, store) = (opening::master_keys(config)?, opening::store(config, Access::Change).await?);
    Ok(Installation::open(config.clone(), store, master_keys, Arc::new(SystemClock)).await?)
}

/// Says whether to wait for the store. A missing file on this machine won't appear by waiting.
fn can_wait(config: &Config, error: &OpeningError) -> bool {
    matches!(config.database.url, Database::Postgres(_)) && error.is_passing()
}

/// Waits for the store, and reports why it can't be reached, until it can be or until waiting is in vain.
async fn wait_for_store(
    config: &Config,
    listeners: &Listeners,
    tls: Tls,
    mut failure: Failure,
) -> Result<Arc<Installation>, Failure> {
    let display = tracing::field::display::<SocketAddr>;
    let (api, admin) = (listeners.api().ok().map(display), listeners.admin().ok().flatten().map(display));
    tracing::error!(
        reason = %failure,
        listen = api,
        admin_listen = admin,
        "the store can't be reached: not ready until it can be"
    );
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let waiting = Waiting::start(config, listeners, tls, &clock, failure.to_string())
        .map_err(|error| Failure::new(format!("can't listen while the store is away: {error}")))?;
    // A supervisor that waited for the store would end the process when the store is unreachable for long.
    supervisor::ready("not ready: the store can't be reached");
    loop {
        waiting.pause(failure.to_string()).await;
        match open_installation(config).await {
            Err(error) if can_wait(config, &error) => failure = error.into(),
            outcome => return Ok(outcome?),
        }
    }
}

/// Reads the configuration of a server, even if it is unsafe.
pub(crate) fn read(file: Option<&Path>) -> Result<Config, Failure> {
    Config::load(file, Config::environment()).map_err(|error| {
        let problems = error.problems().iter().cloned();
        Failure::of_several(problems.chain(open::unsafe_ones(error.also_unsafe())).collect())
    })
}

/// Starts the log of a server.
pub(crate) fn start_log(config: &Config) -> Result<tollgate_log::Guard, Failure> {
    tollgate_log::init(config.log.format, config.log.level)
        .map_err(|error| Failure::new(format!("the log can't be started: {error}")))
}
