//! Where the file is, to notice when it is taken away from under a process that has it open.
//!
//! The process would go on with a file that nobody else finds: what it writes is lost with it, and it never hears of what
//! others write to the one that lies in its place.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// The path of a store, and which file was found there when it was opened.
#[derive(Debug, Clone)]
pub(super) struct Place {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Place {
    /// Of the file that is there now.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let file = fs::metadata(path).map_err(|error| unreadable(path, error.kind()))?;
        Ok(Self { path: path.to_owned(), device: file.dev(), inode: file.ino() })
    }

    /// The path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Says whether the same file is still there. One that was moved away may come back.
    pub(super) fn check(&self) -> Result<(), StoreError> {
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

fn unreadable(path: &Path, kind: ErrorKind) -> StoreError {
    let shown = path.display();
    StoreError::Unavailable(match kind {
        ErrorKind::NotFound => format!(
            "{shown} was removed or moved while it was open: put it back, or restore a backup and restart the server"
        ),
        kind => format!("{shown} can't be looked at: {kind}"),
    })
}
