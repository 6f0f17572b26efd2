//! `tollgate dev`: runs everything on one machine.

mod calls;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tollgate_admin::{configuration, whoever_runs_this};
use tollgate_clock::SystemClock;
use tollgate_commands::{Failure, actor, open, output::Format};
use tollgate_config::{Config, LogFormat};
use tollgate_installation::Installation;
use tollgate_operator::{Credentials, DevFolder, Opened, opening, own_now};
use tollgate_server::{Listeners, Mounted, Server, Tls};
use tollgate_store::Access;
use zeroize::Zeroizing;

use self::calls::Calls;
use crate::args::DevArgs;
use crate::signals::{self, Signals};
use crate::{operator_routes, sandbox, serve, telemetry};

/// Runs everything on this machine; a second start reuses the data.
pub(crate) async fn run(args: DevArgs, format: Format) -> Result<(), Failure> {
    own_now()?;
    signals::serving(|signals| serve(args, format, signals)).await
}

async fn serve(args: DevArgs, format: Format, mut signals: Signals) -> Result<(), Failure> {
    let mut config = config(&args)?;
    let listeners = Listeners::bind(&config).map_err(Failure::of_error)?;
    let address = listeners.api().map_err(Failure::of_error)?;
    if config.public_url == format!("http://{}", config.listen) {
        // The system may have chosen the port.
        config.public_url = format!("http://{}", reachable(address));
    }
    let (folder, actor) = (DevFolder::at(&args.data), actor());
    let _alone = folder.make()?;
    folder.make_master_key()?;
    let opened = Opened::open(config, Access::Create, Some((&actor, own_now()?))).await?;
    let by = format!("{} by `tollgate dev`", whoever_runs_this());
    configuration::adopt_as_known(&opened.administration(), &by, &actor).await?;
    let Opened { config, store, .. } = opened;
    let (base_url, master_keys) = (config.public_url.clone(), opening::master_keys(&config)?);
    let log = start_log(&config, format)?;
    let installation = Installation::open(config, store, master_keys, Arc::new(SystemClock)).await?;
    let demo = folder.make_credentials(&installation.administration(), &actor).await?;
    let demo = demo_client(demo);
    let server = Server::new(installation.clone(), true, |loopback| Mounted {
        operators: operator_routes::mounted(installation.config()),
        ..sandbox::routes(&installation, loopback, true, Some(demo))
    });
    server.log_requests(log.requests());
    let delivering = telemetry::of_server(installation.config(), &server)?;
    Calls { data: &args.data, base_url: &base_url, address }.print(format)?;
    tokio::select! {
        _ = tollgate_server::run(server, listeners, Tls::default(), signals.end()) => {}
        never = said_at_hangup(&mut signals) => match never {},
    }
    telemetry::end(delivering).await;
    drop(log);
    Ok(())
}

/// Starts the log, on standard error if standard output is for one JSON document.
fn start_log(config: &Config, format: Format) -> Result<tollgate_log::Guard, Failure> {
    match format {
        Format::Text => serve::start_log(config),
        Format::Json => tollgate_log::init_on(io::stderr(), LogFormat::Json, config.log.level)
            .map_err(|error| Failure::new(format!("the log can't be started: {error}"))),
    }
}

/// Logs at SIGHUP that there is nothing to reload: arguments and environment stay as they were.
async fn said_at_hangup(signals: &mut Signals) -> Infallible {
    loop {
        signals.hung_up().await;
        tracing::info!(
            "SIGHUP: the settings of dev are its arguments and environment, which can't change while it runs"
        );
    }
}

/// Returns the configuration of a `dev` folder. The command line has precedence over the environment.
fn config(args: &DevArgs) -> Result<Config, Failure> {
    let environment =
        Config::environment().filter(|(name, _)| args.listen.is_none() || name != "TOLLGATE_LISTEN");
    Config::dev(args.listen.unwrap_or(open::DEFAULT_LISTEN), &args.data, environment)
        .map_err(|error| Failure::of_several(error.problems().to_vec()))
}

/// Returns the address at which a listener is reached from this machine: one on all interfaces is on the loopback interface, too.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Returns the credentials for visitors of the playground on this machine.
fn demo_client(made: Credentials) -> tollgate_portal::Credentials {
    let Credentials { client_id, client_secret, .. } = made;
    tollgate_portal::Credentials { client_id, client_secret: Zeroizing::new(client_secret) }
}
