//! Remembers which file was opened, to notice if it is removed or replaced while a process has it open.
//!
//! The process would go on with a file that nobody else finds: its writes would be lost, and it would not read what others
//! write to the file in its place.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tollgate_store::StoreError;

/// The path of a store, and the file that was found there when it was opened.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Place {
    /// Remembers the file that is at the path now.
    pub(crate) fn of(path: &Path) -> Result<Self, StoreError> {
        let file = fs::metadata(path).map_err(|error| unreadable(path, error.kind()))?;
        Ok(Self { path: path.to_owned(), device: file.dev(), inode: file.ino() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails unless the same file is still there. A file that was moved away may come back.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let Self { path, device, inode } = Self::of(&self.path)?;
        if (device, inode) == (self.device, self.inode) {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!(
            "{} was replaced by another file while it was open: restart the server to use that one, or put the former one \
             back",
            path.display()
        )))
    }
}

/// Returns the metadata of the file at a path, if there is one. If its folder doesn't exist, there is none.
pub(crate) fn look(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unreadable(path, error.kind())),
    }
}

fn unreadable(path: &Path, kind: ErrorKind) -> StoreError {
    let shown = path.display();
    StoreError::Unavailable(match kind {
        ErrorKind::NotFound => format!(
            "{shown} was removed or moved while it was open: put it back, or restore a backup and restart the server"
        ),
        kind => format!("{shown} can't be looked at: {kind}"),
    })
}

/// Returns the path of the file beside the store whose name ends in `suffix`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
