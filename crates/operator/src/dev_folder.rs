//! The folder of `tollgate dev`: a store, its master key, and the credentials of a demo client.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use reqwest::Url;
use tollgate_admin::clients::{self, NewClient};
use tollgate_admin::imported::ImportedSecrets;
use tollgate_admin::merchants::{self, NewMerchant};
use tollgate_admin::{AdminError, Administration, Name};
use tollgate_client::{Caller, ConfigurationError, HttpHosts, Reason, Secret, SecretError, SecretSource};
use tollgate_config::{Config, ConfigError};
use tollgate_core::Environment;
use tollgate_keys::MasterKey;
use tollgate_secrets::access::{self, AccessError};
use tollgate_store::{Actor, Terms};
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::file_error::FileError;
use crate::named_secret::SecretProblem;
use crate::private_file;

/// Why a folder of `tollgate dev` can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DevFolderError {
    /// The folder, or something in it, can't be examined or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process serves from the folder.
    #[error("another `tollgate dev` runs on {}", .0.display())]
    Busy(PathBuf),
    /// Other users have access to a file in it.
    #[error(transparent)]
    Secret(#[from] SecretProblem),
    /// The folder has a store but not its master key.
    #[error(
        "{} is gone, and {} can't be opened without it: restore it, or delete the folder to start over",
        key.display(), store.display()
    )]
    MasterKeyGone {
        /// The path of the key's file.
        key: PathBuf,
        /// The path of the store.
        store: PathBuf,
    },
    /// The folder was not made by `tollgate dev`.
    #[error("{} is no folder of `tollgate dev`: there is no tollgate.db in it", .0.display())]
    NotOne(PathBuf),
    /// The folder has no credentials that can be read.
    #[error("{}: {error}; is this the folder of a `tollgate dev`?", path.display())]
    NoCredentials {
        /// The path of the credentials' file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The URL in its credentials can't be called.
    #[error(transparent)]
    Caller(#[from] ConfigurationError),
    /// The environment has settings that can't be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The demo client can't be created.
    #[error(transparent)]
    Act(#[from] AdminError),
}

/// A folder of `tollgate dev`.
#[derive(Debug, Clone, Copy)]
pub struct DevFolder<'a>(&'a Path);

impl<'a> DevFolder<'a> {
    /// Names a folder, which need not exist yet.
    pub fn at(path: &'a Path) -> Self {
        Self(path)
    }

    fn store(self) -> PathBuf {
        self.0.join("tollgate.db")
    }

    /// Returns the configuration of an existing folder. `listen` is the address where `dev` listens unless it was told otherwise.
    pub fn config(self, listen: SocketAddr) -> Result<Config, DevFolderError> {
        if !exists(&self.store())? {
            return Err(DevFolderError::NotOne(self.0.to_owned()));
        }
        let mut config = Config::dev(listen, self.0, Config::environment())?;
        if config.public_url == format!("http://{}", config.listen) {
            match Credentials::read(self.0) {
                // The issuer of the folder's tokens is the address where `dev` last listened.
                Ok(credentials) => config.public_url = credentials.base_url,
                Err(AccessError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.no_credentials(error)),
            }
        }
        Ok(config)
    }

    /// Returns the demo client, as which programs on this machine call the API. Its credentials are read again when they are
    /// refused: the folder may have been replaced.
    pub fn caller(self) -> Result<Caller, DevFolderError> {
        let read = Credentials::read(self.0).map_err(|error| self.no_credentials(error))?;
        let member = |member| InFolder { data: self.0.to_owned(), member };
        let id = member(|credentials| credentials.client_id.to_string());
        let secret = member(|credentials| credentials.client_secret);
        let hosts = own_address(&read.base_url).unwrap_or_default();
        Ok(Caller::allowing(hosts, &read.base_url, id, secret)?)
    }

    fn no_credentials(self, error: AccessError) -> DevFolderError {
        let path = Credentials::path(self.0);
        match error {
            AccessError::Io(error) => DevFolderError::NoCredentials { path, error },
            AccessError::Exposed(_) => SecretProblem::of("the credentials file", &path, error).into(),
        }
    }

    /// Creates the folder if it doesn't exist, and locks it until the process ends, however it does: a second `dev` would write its own
    /// address over that of the first. Returns the lock; `None` if the file system has no locks: then both create a demo client, and
    /// both clients work.
    pub fn make(self) -> Result<Option<File>, DevFolderError> {
        let unwritable = |error| FileError::unwritable(self.0, error);
        DirBuilder::new().recursive(true).mode(0o700).create(self.0).map_err(unwritable)?;
        match access::check_folder(self.0) {
            Err(AccessError::Io(error)) => return Err(unwritable(error).into()),
            Err(error) => return Err(SecretProblem::of("the data folder", self.0, error).into()),
            Ok(()) => {}
        }
        let folder = File::open(self.0).map_err(unwritable)?;
        match folder.try_lock() {
            Ok(()) => Ok(Some(folder)),
            Err(TryLockError::WouldBlock) => Err(DevFolderError::Busy(self.0.to_owned())),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
            Err(TryLockError::Error(error)) => Err(unwritable(error).into()),
        }
    }

    /// Creates the master key on the first start only: a store without its key can't be opened with another one.
    pub fn make_master_key(self) -> Result<(), DevFolderError> {
        let (path, store) = (self.0.join("master.key"), self.store());
        // Checked first: a process that creates a store has created its key before.
        let has_store = exists(&store)?;
        if exists(&path)? {
            return Ok(());
        }
        if has_store {
            return Err(DevFolderError::MasterKeyGone { key: path, store });
        }
        let mut text = Zeroizing::new(MasterKey::generate(&mut rand::rng()).expose_hex());
        text.push('\n');
        match private_file::create(&path, text.as_bytes()) {
            // Another first start may have been faster: its key is just as good.
            Ok(_) => Ok(()),
            Err(error) => Err(FileError::unwritable(&path, error).into()),
        }
    }

    /// Creates the demo merchant and client, unless the credentials of an earlier start still name a client. Returns the
    /// credentials. Fails if their file holds something else, which would be lost.
    pub async fn make_credentials(
        self,
        admin: &Administration<'_>,
        actor: &Actor,
    ) -> Result<Credentials, DevFolderError> {
        let (path, base_url) = (Credentials::path(self.0), &admin.config.public_url);
        // Tollgate makes no links here: a link is replaced, and so is an empty file.
        let found = fs::symlink_metadata(&path).ok();
        let is_empty = found.as_ref().is_some_and(|found| found.len() == 0);
        let read = if found.is_some_and(|found| found.is_symlink()) {
            Err(io::Error::from(io::ErrorKind::NotFound).into())
        } else {
            Credentials::read(self.0)
        };
        let earlier = match read {
            Ok(earlier) => {
                let client = admin.store.client(earlier.client_id).await.map_err(AdminError::from)?;
                client.map(|_| Credentials { base_url: base_url.clone(), ..earlier })
            }
            Err(AccessError::Io(error)) if error.kind() == io::ErrorKind::NotFound || is_empty => None,
            Err(error) => return Err(self.no_credentials(error)),
        };
        let credentials = match earlier {
            Some(earlier) => earlier,
            None => make_demo(admin, actor).await?,
        };
        let mut json = Zeroizing::new(serde_json::to_vec_pretty(&credentials).expect("strings serialise"));
        json.push(b'\n');
        private_file::replace(&path, &json).map_err(|error| FileError::unwritable(&path, error))?;
        Ok(credentials)
    }
}

/// Says whether a file exists. If the folder may not be entered, that is not known, which is an error.
fn exists(path: &Path) -> Result<bool, FileError> {
    match path.try_exists() {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        found => found.map_err(|error| FileError::unreadable(path, error)),
    }
}

async fn make_demo(admin: &Administration<'_>, actor: &Actor) -> Result<Credentials, AdminError> {
    let name = |text: &str| text.parse::<Name>().expect("this is a name");
    let merchant = merchants::create(admin, NewMerchant { id: None, name: name("Demo Shop") }, actor).await?;
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
    let created = clients::create(admin, new, actor).await?;
    Ok(Credentials {
        base_url: admin.config.public_url.clone(),
        merchant_id: merchant.id,
        client_id: created.client.id,
        client_secret: created.expose_secret().expect("a secret was drawn for it").to_owned(),
    })
}

/// Returns the host of a URL if it is an address of this machine, on which `dev` was told to listen: requests to it do not leave
/// the machine.
fn own_address(url: &str) -> Option<HttpHosts> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    let address: IpAddr = host.trim_matches(['[', ']']).parse().ok()?;
    // Only addresses of this machine can be bound.
    TcpListener::bind((address, 0)).ok()?;
    HttpHosts::default().and(host).ok()
}

/// A field of the credentials in a `dev` folder.
struct InFolder {
    data: PathBuf,
    member: fn(Credentials) -> String,
}

impl SecretSource for InFolder {
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>> {
        let read = Credentials::read(&self.data).map(self.member).map(Secret::from);
        let path = Credentials::path(&self.data);
        let read = read.map_err(|error| {
            let shown = path.display().to_string();
            SecretError::new(
                shown,
                match error {
                    AccessError::Io(error) => Reason::File { path, error },
                    AccessError::Exposed(exposed) => exposed.into(),
                },
            )
        });
        Box::pin(async move { read })
    }
}
