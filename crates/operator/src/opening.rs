//! Opens what a configuration names: the master keys, the store, and the installation in it.

use std::path::Path;
use std::sync::Arc;

use tollgate_admin::OpenError;
use tollgate_config::{Config, Database, SecretSource};
use tollgate_keys::{MasterKey, MasterKeyError, MasterKeys};
use tollgate_secrets::access::{self, AccessError, Sharing};
use tollgate_store::{Access, Store, StoreError};
use tollgate_store_postgres::{Postgres, PostgresAddress, PostgresOptions};
use tollgate_store_sqlite::{Backup, Sqlite};

use crate::named_secret::{SecretProblem, database_password, secret, sharing};

/// Why the store or the master keys that a configuration names can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpeningError {
    /// A secret or a file with secrets can't be used.
    #[error(transparent)]
    Secret(#[from] SecretProblem),
    /// The file of a master key no longer exists.
    #[error("{0}; restore it, without it the store can't be opened")]
    MasterKeyGone(SecretProblem),
    /// The text of a master key is malformed.
    #[error("the master key can't be read: {0}")]
    MasterKey(#[from] MasterKeyError),
    /// No master key is named.
    #[error(
        "no master key: make one with `(umask 077; openssl rand -hex 32 > FILE)` and set master_key = \"file:FILE\""
    )]
    NoMasterKey,
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The installation in the store can't be opened with the master keys.
    #[error(transparent)]
    Sealed(#[from] OpenError),
}

impl OpeningError {
    /// Says whether the store could not be reached, so that opening it may succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Store(error) | Self::Sealed(OpenError::Store(error)) => {
                matches!(error, StoreError::Unavailable(_))
            }
            Self::Secret(_)
            | Self::MasterKeyGone(_)
            | Self::MasterKey(_)
            | Self::NoMasterKey
            | Self::Sealed(_) => false,
        }
    }
}

/// Opens the store that a configuration names.
pub async fn store(config: &Config, access: Access) -> Result<Arc<dyn Store>, OpeningError> {
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

fn postgres(config: &Config, url: &str) -> Result<PostgresOptions, SecretProblem> {
    let connections = &config.database;
    let mut address: PostgresAddress = url.parse().expect("the configuration has accepted it");
    if let Some(source) = connections.password.clone() {
        let sharing = sharing(config);
        let read = move || database_password(&source, sharing);
        read()?;
        address.read_password_by(move || {
            let password = read().map_err(|problem| problem.to_string())?;
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

/// Writes a copy of the store in the file at `path` to the new file `to`.
pub fn back_up(path: &Path, to: &Path) -> Result<Backup, OpeningError> {
    check_store(path)?;
    Ok(Sqlite::back_up(path, to)?)
}

/// Reads the master keys that a configuration names.
pub fn master_keys(config: &Config) -> Result<MasterKeys, OpeningError> {
    let keys = config.master_key.iter().map(|source| master_key(config, source));
    MasterKeys::new(keys.collect::<Result<_, _>>()?).ok_or(OpeningError::NoMasterKey)
}

/// Reads one of the master keys that a configuration names.
pub fn master_key(config: &Config, source: &SecretSource) -> Result<MasterKey, OpeningError> {
    let text = match (source, secret(source, "the master key file", "master_key", sharing(config))) {
        (_, Err(problem)) if problem.is_gone() => return Err(OpeningError::MasterKeyGone(problem)),
        (_, text) => text?,
    };
    Ok(text.parse()?)
}

/// Checks the access to the file of a store, or to the folder where it will be created: it holds hashes of secrets and sealed keys.
pub fn check_store(path: &Path) -> Result<(), SecretProblem> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A file that may exist is checked as if it did.
    let may_exist = path.try_exists().unwrap_or(true);
    let checked =
        if may_exist { access::check(path, Sharing::Private) } else { access::check_folder(folder) };
    match checked {
        // Opening the store reports these errors better.
        Err(AccessError::Io(_)) | Ok(()) => Ok(()),
        Err(error) => Err(SecretProblem::of("the store", path, error)),
    }
}
