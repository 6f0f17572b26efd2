//! Problems with a file that an operator has named.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file that an operator has named can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file can't be read.
    #[error("{} can't be read: {error}", path.display())]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The file can't be written.
    #[error("{} can't be written: {error}", path.display())]
    Unwritable {
        /// The path of the file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The file exists, but must be a new one.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// The file's name doesn't end in a known format.
    #[error("{}: its name must end in .toml, .json, .yaml or .yml, which says its format", .0.display())]
    Format(PathBuf),
    /// The content of the file is wrong.
    #[error("{}: {}", path.display(), problems.join("; "))]
    Wrong {
        /// The path of the file.
        path: PathBuf,
        /// The problems, each with its place.
        problems: Vec<String>,
    },
}

impl FileError {
    pub(crate) fn unreadable(path: &Path, error: io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), error }
    }

    pub(crate) fn unwritable(path: &Path, error: io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), error }
    }

    pub(crate) fn wrong(path: &Path, problem: impl Into<String>) -> Self {
        Self::Wrong { path: path.to_owned(), problems: vec![problem.into()] }
    }
}
