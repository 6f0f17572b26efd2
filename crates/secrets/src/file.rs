//! A secret in a file, as Kubernetes, systemd and Docker provide it.

use std::fs::Metadata;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroizing;

use crate::{Mark, Reason, Secret, payload};

pub(crate) struct File {
    path: PathBuf,
    warned: AtomicBool,
}

impl File {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, warned: AtomicBool::new(false) }
    }

    pub(crate) async fn read(&self) -> Result<Secret, Reason> {
        let (bytes, metadata) = open_and_read(&self.path).await?;
        if is_open_to_others(&metadata) && !self.warned.swap(true, Ordering::Relaxed) {
            let path = self.path.display();
            tracing::warn!(%path, "every user of this machine may read the secret: chmod o-rwx");
        }
        payload::pick(&bytes, None)
    }

    pub(crate) async fn mark(&self) -> Mark {
        Mark::complete(look(&self.path).await)
    }
}

/// Looks at a file without opening it, which would block on a pipe. Nothing where there is no access to it.
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

/// Reads a whole file of at most [`payload::LIMIT`] bytes.
pub(crate) async fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Reason> {
    Ok(open_and_read(path).await?.0)
}

async fn open_and_read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Metadata), Reason> {
    let owned = path.to_owned();
    // Reading may block: the file may be a pipe, or on a network.
    let reading = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::open(owned)?;
        let metadata = file.metadata()?;
        // A vector that grows would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(payload::LIMIT + 1));
        file.take(payload::LIMIT as u64 + 1).read_to_end(&mut bytes)?;
        Ok((bytes, metadata))
    });
    let read = reading.await.unwrap_or_else(|broken| Err(io::Error::other(broken)));
    let (bytes, metadata) = read.map_err(|error| Reason::File { path: path.to_owned(), error })?;
    if bytes.len() > payload::LIMIT {
        return Err(payload::TOO_LONG);
    }
    Ok((bytes, metadata))
}

#[cfg(unix)]
fn is_open_to_others(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Metadata) -> bool {
    false
}
