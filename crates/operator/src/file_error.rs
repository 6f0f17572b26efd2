//! What is wrong with a file that an operator has named.

use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a file that an operator has named.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It can't be read.
    #[error("{} can't be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It can't be written.
    #[error("{} can't be written: {error}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It was to be a new one.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// Its name does not say a format.
    #[error("{}: its name must end in .toml, .json, .yaml or .yml, which says its format", .0.display())]
    Format(PathBuf),
    /// What it says is wrong.
    #[error("{}: {}", path.display(), problems.join("; "))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
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
