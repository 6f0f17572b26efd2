//! A secret in a file, as Kubernetes, systemd and Docker provide it.

use std::fs::Metadata;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

#[cfg(unix)]
use crate::access;
use crate::{Mark, Reason, Secret, payload};

pub(crate) struct File {
    path: PathBuf,
}

impl File {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) async fn read(&self, sharing: Sharing) -> Result<Secret, Reason> {
        payload::pick(&read(&self.path, sharing).await?, None)
    }

    pub(crate) async fn mark(&self) -> Mark {
        Mark::complete(look(&self.path).await)
    }
}

/// Returns the metadata of a file without opening it, which would block on a pipe; `None` if there is no access to it.
pub(crate) async fn look(path: &Path) -> Option<Look> {
    let owned = path.to_owned();
    let looking =
        tokio::task::spawn_blocking(move || std::fs::metadata(owned).ok().map(|found| look_of(&found)));
    looking.await.unwrap_or_default()
}

/// The device and the inode, the size, and the times of the last changes. Kubernetes changes a link, others replace the
/// file or write into it.
pub(crate) type Look = [i128; 5];

#[cfg(unix)]
fn look_of(found: &Metadata) -> Look {
    use std::os::unix::fs::MetadataExt as _;
    let time = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let (changed, written) =
        (time(found.ctime(), found.ctime_nsec()), time(found.mtime(), found.mtime_nsec()));
    [found.dev().into(), found.ino().into(), found.len().into(), changed, written]
}

#[cfg(not(unix))]
fn look_of(found: &Metadata) -> Look {
    let written = found.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let written = written.map_or(-1, |since| i128::try_from(since.as_nanos()).unwrap_or(i128::MAX));
    [0, 0, found.len().into(), 0, written]
}

/// Whether every user of the machine may read a file with a secret.
#[cfg(unix)]
pub(crate) type Sharing = access::Sharing;

/// Whether every user of the machine may read a file with a secret: irrelevant if the system has no file modes.
#[cfg(not(unix))]
#[derive(Clone, Copy)]
pub(crate) enum Sharing {
    Private,
    WorldReadable,
}

/// Reads a whole file of at most [`payload::LIMIT`] bytes, unless others have access to it.
pub(super) async fn read(path: &Path, sharing: Sharing) -> Result<Zeroizing<Vec<u8>>, Reason> {
    let owned = path.to_owned();
    // Reading may block: the file may be a pipe, or on a network.
    let reading = tokio::task::spawn_blocking(move || {
        let unreadable = |error| Reason::File { path: owned.clone(), error };
        let file = open(&owned, sharing)?;
        // A vector that grows would leave copies of the secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(payload::LIMIT + 1));
        file.take(payload::LIMIT as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    });
    let read = reading.await.unwrap_or_else(|broken| {
        Err(Reason::File { path: path.to_owned(), error: io::Error::other(broken) })
    });
    let bytes = read?;
    if bytes.len() > payload::LIMIT {
        return Err(payload::TOO_LONG);
    }
    Ok(bytes)
}

#[cfg(unix)]
fn open(path: &Path, sharing: Sharing) -> Result<std::fs::File, Reason> {
    access::open(path, sharing).map_err(|error| match error {
        access::AccessError::Io(error) => Reason::File { path: path.to_owned(), error },
        access::AccessError::Exposed(exposed) => exposed.into(),
    })
}

#[cfg(not(unix))]
fn open(path: &Path, _: Sharing) -> Result<std::fs::File, Reason> {
    std::fs::File::open(path).map_err(|error| Reason::File { path: path.to_owned(), error })
}
