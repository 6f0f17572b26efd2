//! Opening what a command acts on: the configuration, the master key and the store.

use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;

use tollgate_core::{Clock, MasterKeys, Timestamp};
use tollgate_guard::SystemClock;
use tollgate_secrets::access::{self, AccessError, Sharing};
use tollgate_server::admin::Administration;
use tollgate_server::config::{Config, Database, SecretSource};
use tollgate_server::{Unlocked, install_if_empty};
use tollgate_store::{Postgres, PostgresAddress, PostgresOptions, Sqlite, Store};
use zeroize::Zeroizing;

use crate::args::StoreArgs;
use crate::credentials::Credentials;
use crate::failure::Failure;

/// The longest text of a secret that a file may hold, in bytes.
const LONGEST_SECRET: usize = 4096;
const DEFAULT_CONFIG: &str = "tollgate.toml";
pub(crate) const DEFAULT_DATA: &str = ".tollgate";
/// Where `dev` listens unless told otherwise.
pub(crate) const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080));

/// An installation that a command administers.
pub(crate) struct Opened {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) unlocked: Unlocked,
}

impl Opened {
    /// Returns what the acts of administration work on.
    pub(crate) fn administration(&self) -> Administration<'_> {
        Administration { store: self.store.as_ref(), unlocked: &self.unlocked, config: &self.config }
    }
}

/// Opens the installation that the arguments name.
pub(crate) async fn installation(args: &StoreArgs) -> Result<Opened, Failure> {
    let own_now = now()?;
    let (config, may_install) = configuration(args)?;
    let master_keys = master_keys(&config)?;
    let store = store(&config, false).await?;
    if may_install {
        install_if_empty(store.as_ref(), &master_keys, own_now).await?;
    }
    let unlocked = Unlocked::new(store.as_ref(), master_keys).await?;
    Ok(Opened { config, store, unlocked })
}

/// Says whether the arguments name a store, or one is at a default place. One that can't be accessed counts: opening it will
/// say why.
pub(crate) fn finds_a_store(args: &StoreArgs) -> bool {
    let may_exist = |path: &Path| path.try_exists().unwrap_or(true);
    args.config.is_some()
        || args.data.is_some()
        || may_exist(Path::new(DEFAULT_CONFIG))
        || may_exist(&Path::new(DEFAULT_DATA).join("tollgate.db"))
}

/// Reads the configuration that the arguments name, and says whether its store may be created, or be installed where
/// `store migrate` has made its tables.
pub(crate) fn configuration(args: &StoreArgs) -> Result<(Config, bool), Failure> {
    Ok(match (&args.config, &args.data) {
        (Some(file), _) => (load(Some(file))?, true),
        (None, Some(data)) => (dev_config(data)?, false),
        (None, None) if Path::new(DEFAULT_CONFIG).exists() => (load(Some(Path::new(DEFAULT_CONFIG)))?, true),
        (None, None) if Path::new(DEFAULT_DATA).join("tollgate.db").exists() => {
            (dev_config(Path::new(DEFAULT_DATA))?, false)
        }
        (None, None) => {
            return Err(Failure::new(
                "no store: name a configuration with --config FILE or a folder of `tollgate dev` with --data DIR",
            ));
        }
    })
}

fn dev_config(data: &Path) -> Result<Config, Failure> {
    if !data.join("tollgate.db").exists() {
        return Err(Failure::new(format!(
            "{} is no folder of `tollgate dev`: there is no tollgate.db in it",
            data.display()
        )));
    }
    let config = Config::dev(DEFAULT_LISTEN, data, Config::environment());
    let mut config = config.map_err(|error| Failure::new(error.to_string()))?;
    let derived = config.public_url == format!("http://{}", config.listen);
    if derived && let Ok(credentials) = Credentials::read(data) {
        // The issuer of the folder's tokens is the address where `dev` last listened.
        config.public_url = credentials.base_url;
    }
    Ok(config)
}

/// Reads the configuration: defaults, file, environment.
pub(crate) fn load(file: Option<&Path>) -> Result<Config, Failure> {
    Config::load(file, Config::environment()).map_err(|error| Failure::new(error.to_string()))
}

/// Opens the store that a configuration names, and makes one only if `may_create`: with a mistyped path or name a server
/// would otherwise start with an empty store, without any client.
pub(crate) async fn store(config: &Config, may_create: bool) -> Result<Arc<dyn Store>, Failure> {
    match &config.database.url {
        Database::Sqlite(path) => {
            check_store(path)?;
            Ok(Arc::new(if may_create { Sqlite::open(path)? } else { Sqlite::open_existing(path)? }))
        }
        Database::Postgres(url) => {
            let options = postgres(config, url)?;
            Ok(Arc::new(if may_create {
                Postgres::open(options).await?
            } else {
                Postgres::open_existing(options).await?
            }))
        }
    }
}

fn postgres(config: &Config, url: &str) -> Result<PostgresOptions, Failure> {
    let connections = &config.database;
    let mut address: PostgresAddress = url.parse().expect("the configuration has accepted it");
    if let Some(source) = connections.password.clone() {
        let sharing = sharing(config);
        let read = move || secret(&source, "the password file", "database.password", sharing);
        read()?;
        address.read_password_by(move || {
            let password = read().map_err(|failure| failure.to_string())?;
            Ok(password.trim_end_matches(['\r', '\n']).to_owned())
        });
    }
    Ok(PostgresOptions {
        address,
        pool_size: connections.pool_size,
        connect_timeout: connections.connect_timeout,
        statement_timeout: connections.statement_timeout,
    })
}

/// Reads the password of the database, if the configuration says where it is.
pub(crate) fn database_password(config: &Config) -> Result<(), Failure> {
    let Some(source) = &config.database.password else { return Ok(()) };
    secret(source, "the password file", "database.password", sharing(config)).map(drop)
}

/// Refuses a configuration that is not fit for production.
pub(crate) fn refuse_unsafe(config: &Config) -> Result<(), Failure> {
    let problems: Vec<String> = config.check_production().iter().map(ToString::to_string).collect();
    if problems.is_empty() { Ok(()) } else { Err(Failure::new(format!("unsafe: {}", problems.join("; ")))) }
}

/// Reads the master keys that a configuration names.
pub(crate) fn master_keys(config: &Config) -> Result<MasterKeys, Failure> {
    let keys = config.master_key.iter().map(|source| {
        let text = match (source, secret(source, "the master key file", "master_key", sharing(config))) {
            (SecretSource::File(path), Err(failure)) if !path.exists() => {
                return Err(Failure::new(format!(
                    "{failure}; restore it, without it the store can't be opened"
                )));
            }
            (_, text) => text?,
        };
        text.parse().map_err(|error| Failure::new(format!("the master key can't be read: {error}")))
    });
    MasterKeys::new(keys.collect::<Result<_, _>>()?).ok_or_else(|| {
        Failure::new(
            "no master key: make one with `(umask 077; openssl rand -hex 32 > FILE)` and set master_key = \"file:FILE\"",
        )
    })
}

/// Reads a secret from the source that the setting `key` names.
fn secret(
    source: &SecretSource,
    file: &str,
    key: &str,
    sharing: Sharing,
) -> Result<Zeroizing<String>, Failure> {
    match source {
        SecretSource::File(path) => secret_file(path, file, sharing),
        SecretSource::Env(name) => Config::environment()
            .find(|(found, _)| found.to_str() == Some(name))
            .and_then(|(_, value)| value.into_string().ok())
            .map(Zeroizing::new)
            .ok_or_else(|| {
                Failure::new(format!("{key} names the environment variable {name}, which is not set"))
            }),
    }
}

/// Reads a file with a secret, unless others have access to it.
fn secret_file(path: &Path, what: &str, sharing: Sharing) -> Result<Zeroizing<String>, Failure> {
    let shown = path.display();
    let unreadable = |error| Failure::new(format!("{what} {shown} can't be read: {error}"));
    // Looked at first: opening a pipe would wait for whoever writes to it.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Failure::new(format!("{what} {shown} is not a file")));
    }
    let file = access::open(path, sharing).map_err(|error| inaccessible(what, path, &error))?;
    // A text that grows would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_SECRET + 1));
    file.take(LONGEST_SECRET as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() > LONGEST_SECRET {
        return Err(Failure::new(format!("{what} {shown} is too long to hold a secret")));
    }
    Ok(text)
}

/// Checks the file of a store, or the folder where it is to be made: it holds hashes of secrets and sealed keys.
fn check_store(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let checked =
        if path.exists() { access::check(path, Sharing::Private) } else { access::check_folder(folder) };
    match checked {
        // Whoever opens it says what there is to say of it.
        Err(AccessError::Io(_)) | Ok(()) => Ok(()),
        Err(error) => Err(inaccessible("the store", path, &error)),
    }
}

/// Says that a file with secrets is not used, and why.
pub(crate) fn inaccessible(what: &str, path: &Path, error: &AccessError) -> Failure {
    match error {
        AccessError::Io(error) => Failure::new(format!("{what} {} can't be read: {error}", path.display())),
        AccessError::Exposed(exposed) => Failure::new(format!("{what} is not used: {exposed}")),
    }
}

/// Whether files with secrets may be readable for every user of the machine.
pub(crate) fn sharing(config: &Config) -> Sharing {
    if config.world_readable_secrets { Sharing::WorldReadable } else { Sharing::Private }
}

/// Returns the current time, if the clock has been set.
pub(crate) fn now() -> Result<Timestamp, Failure> {
    let now = SystemClock.now();
    if now < Timestamp::YEAR_2020 {
        return Err(Failure::new("the system's clock shows a time before 2020: set it, tokens depend on it"));
    }
    Ok(now)
}
