//! Opens what a command acts on: the configuration, the master key and the store.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};

use tollgate_client::Environment;
use tollgate_config::{Config, Unsafe};
use tollgate_operator::{Desk, DevFolder, Opened, own_now};
use tollgate_store::Access;

use crate::actor::{actor, actor_because};
use crate::args::{StoreArgs, WhereArgs, Why};
use crate::failure::Failure;
use crate::say;

const DEFAULT_CONFIG: &str = "tollgate.toml";
/// The default folder of `dev`.
pub const DEFAULT_DATA: &str = ".tollgate";
/// The default address on which `dev` listens.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080));

/// Opens the desk that the arguments name, and reports on standard error which one it is. With [`Access::Create`] an installation is
/// created in a store that holds none; other acts would find nothing to work on there.
pub(crate) async fn desk(on: &WhereArgs, access: Access) -> Result<Desk, Failure> {
    desk_because(on, access, Why::default()).await
}

/// Opens the desk for acts that are done for a reason.
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

/// Opens the desk to plan acts, and to carry them out for a reason unless they are planned `only`. If carrying them out would create
/// an installation, planning takes it for an empty one.
pub(crate) async fn desk_to_plan(on: &WhereArgs, only: bool, why: Why) -> Result<Desk, Failure> {
    if !only || on.server.is_some() {
        return desk_because(on, if only { Access::Read } else { Access::Create }, why).await;
    }
    own_now()?;
    let target = target(&on.store)?;
    let opened = if target.may_make {
        Opened::to_plan(target.config).await?
    } else {
        Opened::open(target.config, Access::Read, None).await?
    };
    Ok(Desk::on_store(opened, actor_because(why)))
}

/// Opens the installation that the arguments or the environment name, or creates it with [`Access::Create`], and reports on standard
/// error which one it is.
pub(crate) async fn installation(args: &StoreArgs, access: Access) -> Result<Opened, Failure> {
    let (by, now) = (actor(), own_now()?);
    let target = target(args)?;
    let made_by = (target.may_make && access == Access::Create).then_some((&by, now));
    // A store is created only by `store migrate`.
    let access = if access == Access::Create { Access::Change } else { access };
    Ok(Opened::open(target.config, access, made_by).await?)
}

/// The configuration of a store that a command acts on.
pub(crate) struct Target {
    pub(crate) config: Config,
    /// Whether its store, or an installation in it, may be created: `dev` creates its own.
    pub(crate) may_make: bool,
}

/// The source of a configuration.
enum Place {
    File(PathBuf),
    Environment,
    Dev(PathBuf),
}

/// Says whether the arguments or the environment name a store, or a store is in a default place.
pub(crate) fn finds_a_store(args: &StoreArgs) -> bool {
    place(args).is_some()
}

/// Reads the configuration that the arguments or the environment name, and reports on standard error which store it names.
pub(crate) fn target(args: &StoreArgs) -> Result<Target, Failure> {
    let (config, by) = match place(args) {
        Some(Place::File(file)) => (load(Some(&file))?, format!("as {} configures it", file.display())),
        Some(Place::Environment) => (load(None)?, "as the environment configures it".to_owned()),
        Some(Place::Dev(data)) => {
            say::note(&format!("acting on the dev folder {}", data.display()));
            return Ok(Target { config: DevFolder::at(&data).config(DEFAULT_LISTEN)?, may_make: false });
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

/// Finds the source of the configuration.
fn place(args: &StoreArgs) -> Option<Place> {
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

/// Says whether a file may exist. One that can't be examined counts: opening it will say why.
pub fn may_exist(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

/// Returns the configuration file that an argument names, or else `TOLLGATE_CONFIG`.
pub(crate) fn file(argument: Option<&Path>) -> Option<PathBuf> {
    let variable = || {
        let (_, file) = Config::environment().find(|(name, _)| name == "TOLLGATE_CONFIG")?;
        (!file.is_empty()).then(|| file.into())
    };
    argument.map(Path::to_owned).or_else(variable)
}

/// Returns the configuration file for a command that doesn't search the current folder, and notes if administration would find one there.
pub fn named_file(argument: Option<&Path>) -> Option<PathBuf> {
    let named = file(argument);
    if named.is_none() && may_exist(Path::new(DEFAULT_CONFIG)) {
        say::warning(&format!(
            "./{DEFAULT_CONFIG} is not read here, though administration commands in this folder go by it: name it with --config \
             {DEFAULT_CONFIG}"
        ));
    }
    named
}

/// Reads the configuration: defaults, file, environment.
pub fn load(file: Option<&Path>) -> Result<Config, Failure> {
    Config::load(file, Config::environment()).map_err(|error| Failure::of_several(error.problems().to_vec()))
}

/// Refuses a configuration that is not fit for production.
pub fn refuse_unsafe(config: &Config) -> Result<(), Failure> {
    let problems: Vec<String> = unsafe_ones(&config.check_production()).collect();
    if problems.is_empty() { Ok(()) } else { Err(Failure::of_several(problems)) }
}

/// Lists the unsafe settings as problems.
pub fn unsafe_ones(found: &[Unsafe]) -> impl Iterator<Item = String> {
    found.iter().map(|problem| format!("unsafe: {problem}"))
}
