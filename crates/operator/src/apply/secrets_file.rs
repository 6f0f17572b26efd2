//! The file for the secrets of new clients.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::desk::text_of;
use crate::error::OperatorError;
use crate::file_error::FileError;
use crate::private_file;

/// The longest line, in bytes: a name of 255 characters, each of which may be written as an escape, two ids and a secret.
const LONGEST_LINE: usize = 4096;

/// A new file that only its owner can read, with a line of JSON for each client.
pub(crate) struct SecretsFile {
    path: PathBuf,
    file: File,
    is_used: bool,
}

impl SecretsFile {
    /// Creates the file, before anything else is done.
    pub(crate) fn create(path: &Path) -> Result<Self, FileError> {
        // The file must be new, so that no link is followed and nobody has it open (POSIX open, O_EXCL).
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = created.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists(path.to_owned()),
            _ => FileError::unwritable(path, error),
        })?;
        let made = Self { path: path.to_owned(), file, is_used: false };
        private_file::sync_folder(path).map_err(|error| FileError::unwritable(path, error))?;
        Ok(made)
    }

    /// Writes the secrets of clients, which are on the disk when it returns.
    pub(crate) fn keep(&mut self, clients: &[Value]) -> Result<(), OperatorError> {
        self.is_used = true;
        // A buffer that grows would leave copies of the secrets behind.
        let mut lines = Zeroizing::new(Vec::with_capacity(clients.len() * LONGEST_LINE));
        for client in clients {
            serde_json::to_writer(&mut *lines, &fields(client)?).expect("a value can be written to memory");
            lines.push(b'\n');
        }
        let written = self.file.write_all(&lines).and_then(|()| self.file.sync_data());
        written.map_err(|error| FileError::unwritable(&self.path, error).into())
    }

    /// Returns the path of the file, if it holds secrets.
    pub(crate) fn end(&self) -> Option<&Path> {
        self.is_used.then_some(&self.path)
    }
}

/// Removes the file if it holds no secret.
impl Drop for SecretsFile {
    fn drop(&mut self) {
        if !self.is_used {
            // Best effort: an empty file does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns what is saved of a client. Without a readable id and secret, saving it would be useless.
pub(crate) fn fields(client: &Value) -> Result<Value, OperatorError> {
    Ok(json!({
        "client_id": text_of(client, "client_id")?,
        "client_secret": text_of(client, "client_secret")?,
        "secret_id": client["secret_id"],
        "merchant_id": client["merchant_id"],
        "name": client["name"],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_or_a_link_is_refused_and_one_without_secrets_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        drop(SecretsFile::create(&path).unwrap());
        assert!(!path.exists());
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &path).unwrap();
        assert!(SecretsFile::create(&path).is_err());
        fs::remove_file(&path).unwrap();
        fs::write(&path, "kept").unwrap();
        assert!(SecretsFile::create(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    }

    #[test]
    fn a_client_without_an_id_or_a_secret_that_can_be_read_is_not_kept() {
        let whole = json!({ "client_id": "c-1", "client_secret": "s", "name": "till" });
        assert_eq!(fields(&whole).unwrap()["client_secret"], "s");
        for member in ["client_id", "client_secret"] {
            let mut broken = whole.clone();
            broken[member] = Value::Null;
            assert!(fields(&broken).is_err(), "{member}");
        }
    }
}
