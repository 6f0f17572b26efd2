//! `tollgate dev`: everything on one machine.

use std::convert::Infallible;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use tollgate_admin::clients::NewClient;
use tollgate_admin::imported::ImportedSecrets;
use tollgate_admin::merchants::{self, NewMerchant};
use tollgate_admin::{
    Administration, Authority, Name, Unlocked, clients, configuration, install_if_empty, whoever_runs_this,
};
use tollgate_config::Config;
use tollgate_core::{Environment, MasterKey};
use tollgate_guard::SystemClock;
use tollgate_secrets::access::{self, AccessError};
use tollgate_server::{Installation, Listeners, Mounted, Server, Tls};
use tollgate_store::{Access, Terms};
use zeroize::Zeroizing;

use crate::actor::actor;
use crate::args::DevArgs;
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::signals::{self, Signals};
use crate::{open, operators, output, private_file, sandbox, serve, telemetry};

/// Runs everything on this machine; a second start reuses the data.
pub(crate) async fn run(args: DevArgs) -> Result<(), Failure> {
    open::now()?;
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
    make_folder(&args.data)?;
    let _alone = lock(&args.data)?;
    make_master_key(&args.data)?;
    let store = open::store(&config, Access::Create).await?;
    install_if_empty(store.as_ref(), &open::master_keys(&config)?, open::now()?, &actor()).await?;
    let unlocked = Unlocked::new(store.as_ref(), open::master_keys(&config)?).await?;
    let by = format!("{} by `tollgate dev`", whoever_runs_this());
    let admin = Administration {
        store: store.as_ref(),
        unlocked: &unlocked,
        config: &config,
        authority: Authority::MasterKey,
    };
    configuration::adopt_as_known(&admin, &by, &actor()).await?;
    let (base_url, master_keys) = (config.public_url.clone(), open::master_keys(&config)?);
    let log = serve::start_log(&config)?;
    let installation = Installation::open(config, store, master_keys, Arc::new(SystemClock)).await?;
    let demo = make_credentials(&args.data, &installation.administration()).await?;
    let server = Server::new(installation.clone(), true, |loopback| Mounted {
        operators: operators::operators(installation.config()),
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

fn make_folder(data: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|error| unwritable(data, &error))?;
    match access::check_folder(data) {
        Err(AccessError::Io(error)) => Err(unwritable(data, &error)),
        Err(error) => Err(open::inaccessible("the data folder", data, &error)),
        Ok(()) => Ok(()),
    }
}

/// Locks the folder until the process ends, however it does. A second `dev` would write its own address over that of the first.
fn lock(data: &Path) -> Result<Option<File>, Failure> {
    let folder = File::open(data).map_err(|error| unwritable(data, &error))?;
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
            "another `tollgate dev` runs on {}: use that one, stop it, or choose another folder with --data DIR",
            data.display()
        ))),
        // Not every file system has locks. Without one both make a demo client, and each is good.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(TryLockError::Error(error)) => Err(unwritable(data, &error)),
    }
}

/// Makes the master key on the first start only: a store without its key can't be opened by another.
fn make_master_key(data: &Path) -> Result<(), Failure> {
    let (path, store) = (data.join("master.key"), data.join("tollgate.db"));
    // Checked first: a process that makes a store has made its key before.
    let has_store = store.exists();
    if path.exists() {
        return Ok(());
    }
    if has_store {
        return Err(Failure::new(format!(
            "{} is gone, and {} can't be opened without it: restore it, or delete the folder to start over",
            path.display(),
            store.display()
        )));
    }
    let mut text = Zeroizing::new(MasterKey::generate(&mut rand::rng()).expose_hex());
    text.push('\n');
    match private_file::create(&path, text.as_bytes()) {
        // Another first start may have been faster: its key is as good.
        Ok(_) => Ok(()),
        Err(error) => Err(unwritable(&path, &error)),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!(
        "{} can't be written: {error}; choose another folder with --data DIR",
        path.display()
    ))
}

/// Makes the demo merchant and client, unless the credentials of an earlier start still name a client. Returns what it
/// authenticates with.
async fn make_credentials(
    data: &Path,
    admin: &Administration<'_>,
) -> Result<tollgate_sandbox::Credentials, Failure> {
    let base_url = &admin.config.public_url;
    // A link is none of ours: it is replaced, like a file that holds nothing.
    let is_link = fs::symlink_metadata(Credentials::path(data)).is_ok_and(|found| found.is_symlink());
    let read = if is_link {
        Err(io::Error::from(io::ErrorKind::InvalidData).into())
    } else {
        Credentials::read(data)
    };
    let credentials = match read {
        Ok(earlier) if admin.store.client(earlier.client_id).await?.is_some() => {
            Credentials { base_url: base_url.clone(), ..earlier }
        }
        Err(AccessError::Exposed(exposed)) => {
            let error = AccessError::Exposed(exposed);
            return Err(open::inaccessible("the credentials file", &Credentials::path(data), &error));
        }
        Ok(_) | Err(AccessError::Io(_)) => make_demo(base_url, admin).await?,
    };
    let mut json = Zeroizing::new(serde_json::to_vec_pretty(&credentials).expect("strings serialise"));
    json.push(b'\n');
    let path = Credentials::path(data);
    private_file::replace(&path, &json).map_err(|error| unwritable(&path, &error))?;
    let Credentials { client_id, client_secret, .. } = credentials;
    Ok(tollgate_sandbox::Credentials { client_id, client_secret: Zeroizing::new(client_secret) })
}

async fn make_demo(base_url: &str, admin: &Administration<'_>) -> Result<Credentials, Failure> {
    let name = |text: &str| text.parse::<Name>().expect("this is a name");
    let merchant =
        merchants::create(admin, NewMerchant { id: None, name: name("Demo Shop") }, &actor()).await?;
    let new = NewClient {
        merchant_id: Some(merchant.id),
        name: name("demo"),
        environment: Some(Environment::Test),
        scope: "payments:read payments:write".parse().expect("this is a scope"),
        addresses: Vec::new(),
        audiences: Vec::new(),
        id: None,
        terms: Terms::default(),
        secrets: ImportedSecrets::default(),
    };
    let created = clients::create(admin, new, &actor()).await?;
    Ok(Credentials {
        base_url: base_url.to_owned(),
        merchant_id: merchant.id,
        client_id: created.client.id,
        client_secret: created.expose_secret().expect("a secret was drawn for it").to_owned(),
    })
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
