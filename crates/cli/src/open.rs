//! Opening what a command acts on: the configuration, the master key and the store.

use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_client::Environment;
use tollgate_core::MasterKeys;
use tollgate_operator::{Desk, Opened, own_now};
use tollgate_secrets::access::{self, AccessError, Sharing};
use tollgate_server::config::{Config, Database, SecretSource, Unsafe};
use tollgate_server::{Unlocked, install_if_empty};
use tollgate_store::{Access, Postgres, PostgresAddress, PostgresOptions, Sqlite, Store};
use zeroize::Zeroizing;

use crate::actor::{actor, actor_because};
use crate::args::{StoreArgs, WhereArgs, Why};
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::say;

/// The longest text of a secret that a file may hold, in bytes.
const LONGEST_SECRET: usize = 4096;
const DEFAULT_CONFIG: &str = "tollgate.toml";
pub(crate) const DEFAULT_DATA: &str = ".tollgate";
/// Where `dev` listens unless told otherwise.
pub(crate) const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080));

/// Opens where the arguments have acts done, and says on standard error what that is.
pub(crate) async fn desk(on: &WhereArgs, access: Access) -> Result<Desk, Failure> {
    desk_because(on, access, Why::default()).await
}

/// Opens it for acts that are done for a reason.
pub(crate) async fn desk_because(on: &WhereArgs, access: Access, why: Why) -> Result<Desk, Failure> {
    let Some(url) = &on.server else {
        return Ok(Desk::on_store(installation(&on.store, access).await?, actor_because(why)));
    };
    let desk = Desk::by_server(url, &Environment::process(), why.reason.map(String::from)).await?;
    if let Desk::Server(api) = &desk {
        say::note(&format!("acting on the server at {}, as the client of TOLLGATE_CLIENT_ID", api.url()));
    }
    Ok(desk)
}

/// Opens the installation that the arguments or the environment name, and says on standard error which it is.
pub(crate) async fn installation(args: &StoreArgs, access: Access) -> Result<Opened, Failure> {
    let own_now = own_now()?;
    let target = target(args)?;
    let config = target.config;
    let master_keys = master_keys(&config)?;
    let store = store(&config, access).await?;
    if target.may_make && access != Access::Read {
        install_if_empty(store.as_ref(), &master_keys, own_now, &actor()).await?;
    }
    let unlocked = Unlocked::new(store.as_ref(), master_keys).await?;
    Ok(Opened { config, store, unlocked })
}

/// What a command acts on.
pub(crate) struct Target {
    pub(crate) config: Config,
    /// Whether its store may be made, or an installation in it. `dev` makes its own.
    pub(crate) may_make: bool,
}

/// Where a configuration comes from.
enum Place {
    File(PathBuf),
    Environment,
    Dev(PathBuf),
}

/// Says whether the arguments or the environment name a store, or one is at a default place.
pub(crate) fn finds_a_store(args: &StoreArgs) -> bool {
    place(args).is_some()
}

/// Reads the configuration that the arguments or the environment name, and says on standard error what is acted on.
pub(crate) fn target(args: &StoreArgs) -> Result<Target, Failure> {
    let (config, by) = match place(args) {
        Some(Place::File(file)) => (load(Some(&file))?, format!("as {} configures it", file.display())),
        Some(Place::Environment) => (load(None)?, "as the environment configures it".to_owned()),
        Some(Place::Dev(data)) => {
            say::note(&format!("acting on the dev folder {}", data.display()));
            return Ok(Target { config: dev_config(&data)?, may_make: false });
        }
        None => {
            return Err(Failure::new(
                "no store: name a configuration with --config FILE or TOLLGATE_CONFIG, or a folder of `tollgate dev` with \
                 --data DIR",
            ));
        }
    };
    say::note(&format!("acting on {}, {by}", config.database.url.masked()));
    Ok(Target { config, may_make: true })
}

/// Finds the configuration. What can't be accessed counts: opening it will say why.
fn place(args: &StoreArgs) -> Option<Place> {
    let may_exist = |path: &Path| path.try_exists().unwrap_or(true);
    let is_set = |names: &[&str]| {
        Config::environment().any(|(name, value)| names.iter().any(|set| name == *set) && !value.is_empty())
    };
    if let Some(data) = &args.data {
        return Some(Place::Dev(data.clone()));
    }
    if let Some(file) = file(args.config.as_deref()) {
        Some(Place::File(file))
    } else if may_exist(Path::new(DEFAULT_CONFIG)) {
        Some(Place::File(DEFAULT_CONFIG.into()))
    } else if is_set(&["TOLLGATE_DATABASE__URL", "TOLLGATE_MASTER_KEY"]) {
        Some(Place::Environment)
    } else if may_exist(&Path::new(DEFAULT_DATA).join("tollgate.db")) {
        Some(Place::Dev(DEFAULT_DATA.into()))
    } else {
        None
    }
}

/// Returns the configuration file that an argument names, or else `TOLLGATE_CONFIG`.
pub(crate) fn file(argument: Option<&Path>) -> Option<PathBuf> {
    let variable = || {
        let (_, file) = Config::environment().find(|(name, _)| name == "TOLLGATE_CONFIG")?;
        (!file.is_empty()).then(|| file.into())
    };
    argument.map(Path::to_owned).or_else(variable)
}

fn dev_config(data: &Path) -> Result<Config, Failure> {
    if !data.join("tollgate.db").exists() {
        return Err(Failure::new(format!(
            "{} is no folder of `tollgate dev`: there is no tollgate.db in it",
            data.display()
        )));
    }
    let config = Config::dev(DEFAULT_LISTEN, data, Config::environment());
    let mut config = config.map_err(|error| Failure::of_several(error.problems().to_vec()))?;
    let derived = config.public_url == format!("http://{}", config.listen);
    if derived && let Ok(credentials) = Credentials::read(data) {
        // The issuer of the folder's tokens is the address where `dev` last listened.
        config.public_url = credentials.base_url;
    }
    Ok(config)
}

/// Reads the configuration: defaults, file, environment.
pub(crate) fn load(file: Option<&Path>) -> Result<Config, Failure> {
    Config::load(file, Config::environment()).map_err(|error| Failure::of_several(error.problems().to_vec()))
}

/// Opens the store that a configuration names.
pub(crate) async fn store(config: &Config, access: Access) -> Result<Arc<dyn Store>, Failure> {
    Ok(match &config.database.url {
        Database::Sqlite(path) => {
            check_store(path)?;
            Arc::new(match access {
                Access::Create => Sqlite::open(path)?,
                Access::Change => Sqlite::open_existing(path)?,
                Access::Read => Sqlite::open_to_read(path)?,
            })
        }
        Database::Postgres(url) => {
            let options = postgres(config, url)?;
            Arc::new(match access {
                Access::Create => Postgres::open(options).await?,
                Access::Change => Postgres::open_existing(options).await?,
                Access::Read => Postgres::open_to_read(options).await?,
            })
        }
    })
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

/// Reads the secret by which the console authenticates with its OpenID provider, if the configuration says where it is.
pub(crate) fn provider_secret(config: &Config) -> Result<Zeroizing<String>, Failure> {
    const KEY: &str = "console.oidc.client_secret";
    let source = config.console.oidc.client_secret.as_ref();
    let source = source.ok_or_else(|| Failure::new(format!("{KEY} is not set")))?;
    secret(source, "the file of the client secret", KEY, sharing(config))
}

/// Refuses a configuration that is not fit for production.
pub(crate) fn refuse_unsafe(config: &Config) -> Result<(), Failure> {
    let problems: Vec<String> = unsafe_ones(&config.check_production()).collect();
    if problems.is_empty() { Ok(()) } else { Err(Failure::of_several(problems)) }
}

/// Writes what is unsafe as problems.
pub(crate) fn unsafe_ones(found: &[Unsafe]) -> impl Iterator<Item = String> {
    found.iter().map(|problem| format!("unsafe: {problem}"))
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
pub(crate) fn secret(
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
pub(crate) fn check_store(path: &Path) -> Result<(), Failure> {
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
