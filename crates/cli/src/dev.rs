//! `tollgate dev`: everything on one machine.

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tollgate_admin::{configuration, whoever_runs_this};
use tollgate_config::Config;
use tollgate_guard::SystemClock;
use tollgate_operator::{Credentials, DevFolder, Opened, opening, own_now, private_file};
use tollgate_server::{Installation, Listeners, Mounted, Server, Tls};
use tollgate_store::Access;
use zeroize::Zeroizing;

use crate::actor::actor;
use crate::args::DevArgs;
use crate::failure::Failure;
use crate::signals::{self, Signals};
use crate::{open, operator_routes, output, sandbox, serve, telemetry};

/// Runs everything on this machine; a second start reuses the data.
pub(crate) async fn run(args: DevArgs) -> Result<(), Failure> {
    own_now()?;
    signals::serving(|signals| serve(args, signals)).await
}

async fn serve(args: DevArgs, mut signals: Signals) -> Result<(), Failure> {
    let mut config = config(&args)?;
    let listeners = Listeners::bind(&config)?;
    let address = listeners.api().map_err(|error| Failure::new(error.to_string()))?;
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
    let log = serve::start_log(&config)?;
    let installation = Installation::open(config, store, master_keys, Arc::new(SystemClock)).await?;
    let demo = folder.make_credentials(&installation.administration(), &actor).await?;
    let demo = demo_client(demo);
    let server = Server::new(installation.clone(), true, |loopback| Mounted {
        operators: operator_routes::mounted(installation.config()),
        ..sandbox::routes(&installation, loopback, true, Some(demo))
    });
    server.log_requests(log.requests());
    let delivering = telemetry::of_server(installation.config(), &server)?;
    output::written(print_calls(&args.data, &base_url, address))?;
    tokio::select! {
        _ = tollgate_server::run(server, listeners, Tls::default(), signals.end()) => {}
        never = said_at_hangup(&mut signals) => match never {},
    }
    telemetry::end(delivering).await;
    drop(log);
    Ok(())
}

/// Says at SIGHUP that there is nothing to read anew: arguments and environment are what they were.
async fn said_at_hangup(signals: &mut Signals) -> Infallible {
    loop {
        signals.hung_up().await;
        tracing::info!(
            "SIGHUP: the settings of dev are its arguments and environment, which can't change while it runs"
        );
    }
}

/// Returns the configuration of a `dev` folder. The command line wins over the environment.
fn config(args: &DevArgs) -> Result<Config, Failure> {
    let environment =
        Config::environment().filter(|(name, _)| args.listen.is_none() || name != "TOLLGATE_LISTEN");
    Config::dev(args.listen.unwrap_or(open::DEFAULT_LISTEN), &args.data, environment)
        .map_err(|error| Failure::of_several(error.problems().to_vec()))
}

/// Where a listener is reached from this machine: one on all interfaces is on the loopback interface, too.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Who visitors of the playground on this machine act as.
fn demo_client(made: Credentials) -> tollgate_sandbox::Credentials {
    let Credentials { client_id, client_secret, .. } = made;
    tollgate_sandbox::Credentials { client_id, client_secret: Zeroizing::new(client_secret) }
}

/// Prints the three calls. They contain neither secret nor token, but read them from files in the private folder. Pasted
/// whole, they work in bash, zsh and fish, which have neither comments nor subshells in common.
fn print_calls(data: &Path, base_url: &str, address: SocketAddr) -> io::Result<()> {
    let credentials = quoted(&Credentials::path(data));
    let tokens = data.join("tokens.json");
    private_file::create(&tokens, b"")?;
    let tokens = quoted(&tokens);
    let (curl, json) = ("curl -sS -w '\\n'", "-H 'Content-Type: application/json'");
    let token = |name: &str| format!("$(sed 's/.*\"{name}\":\"\\([^\"]*\\)\".*/\\1/' {tokens})");
    let payment = concat!(
        r#"{"amount":1250,"currency":"EUR","locale":"en-GB","payment_reference":"ORDER1","#,
        r#""customer":{"name":"Ada Lovelace","email":"ada@example.com"},"#,
        r#""billing_address":{"address_line1":"12 St James Square","city":"London","postal_code":"SW1Y 4JH","country":"GB"}}"#
    );
    let mut out = io::stdout().lock();
    writeln!(out, "Tollgate is up at {base_url} (data in {}).", data.display())?;
    if !address.ip().is_loopback() {
        writeln!(
            out,
            "It listens on {address}, where other machines reach it: the API, the sandbox, the playground and /metrics, without \
             TLS. Nothing of it is for real payments."
        )?;
    }
    writeln!(
        out,
        "See the life of a token at {base_url}/playground, or paste these into a second terminal, in this folder:\n"
    )?;
    writeln!(out, "echo '1. Obtain a token: the credentials file is the body of the request'")?;
    writeln!(out, "{curl} {base_url}/api/v1/oauth2/token {json} -d @{credentials} | tee {tokens}\n")?;
    writeln!(out, "echo '2. Call the Payment API with it'")?;
    writeln!(
        out,
        "{curl} {base_url}/api/v1/payment-requests:redirect -H \"Authorization: Bearer {}\" {json} -d '{payment}'\n",
        token("access_token")
    )?;
    writeln!(out, "echo '3. Refresh: the next token, without the secret'")?;
    writeln!(
        out,
        "{curl} {base_url}/api/v1/oauth2/refresh {json} -d \"{{\\\"refresh_token\\\":\\\"{}\\\"}}\"\n",
        token("refresh_token")
    )?;
    out.flush()
}

/// Quotes a path for a shell.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+,".contains(&byte));
    if plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
