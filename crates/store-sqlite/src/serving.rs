//! Tells which processes serve, by a lock of the kernel, which ends with the process that holds it, however that ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tollgate_store::StoreError;

use crate::place::beside;

/// The suffix of the lock file's name.
pub(crate) const SUFFIX: &str = "-serving";

/// The lock that processes hold while they serve, on a file beside the store.
pub(crate) struct Serving {
    path: PathBuf,
    file: Mutex<Option<Arc<File>>>,
}

impl Serving {
    pub(crate) fn beside(store: &Path) -> Self {
        Self { path: beside(store, SUFFIX), file: Mutex::default() }
    }

    /// Tries to take the lock exclusively, and says whether it could. If so, no other process serves, and none starts to before
    /// [`Self::share`].
    pub(crate) async fn try_alone(&self) -> Result<bool, StoreError> {
        let file = open(&self.path).map_err(|error| self.failed(&error))?;
        let alone = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(self.failed(&error)),
        };
        *self.file.lock().await = Some(Arc::new(file));
        Ok(alone)
    }

    /// Takes the lock as one of several holders. Waits for a process that holds it exclusively, which is not for long.
    pub(crate) async fn share(&self) -> Result<(), StoreError> {
        let Some(file) = self.file.lock().await.clone() else { return Ok(()) };
        let shared = spawn_blocking(move || file.lock_shared()).await;
        shared.expect("locking neither panics nor is cancelled").map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> StoreError {
        StoreError::Unavailable(format!("{} can't be locked: {error}", self.path.display()))
    }
}

/// Opens the file, and creates it if there is none. A symbolic link in its place may lead to somebody else's file: if its target doesn't
/// exist it is not followed, otherwise it is refused.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let file = options.open(path)?;
    let (opened, found) = (file.metadata()?, fs::symlink_metadata(path)?);
    if (opened.dev(), opened.ino()) == (found.dev(), found.ino()) {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a symbolic link, which is not followed: remove it",
        ))
    }
}
