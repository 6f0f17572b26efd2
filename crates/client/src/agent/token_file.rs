//! The current access token in a file, for programs that read one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::{Authorization, Cached, Generation};

/// How long until a file that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Keeps a file with the current access token and nothing else. It is replaced at each renewal, whole or not at all,
/// only its owner reads it, and it is removed when this is dropped.
///
/// There is no newline at its end.
#[derive(Debug)]
pub struct TokenFile {
    place: Arc<Place>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Place {
    path: PathBuf,
    partial: PathBuf,
    /// Whether it is still kept; who writes holds it.
    kept: Mutex<bool>,
}

impl TokenFile {
    /// Keeps the tokens of `cached` at `path`. It fails where no file can be written there, and must be called in a
    /// tokio runtime.
    pub fn keep(path: &Path, cached: Cached) -> io::Result<Self> {
        let place = Arc::new(Place::new(path)?);
        // What can't be written is known now, and not when there is a token.
        drop(place.create()?);
        fs::remove_file(&place.partial)?;
        let task = tokio::spawn(follow(place.clone(), cached));
        Ok(Self { place, task })
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        self.task.abort();
        *self.place.kept.lock().expect("nothing panics with the file locked") = false;
        for path in [&self.place.path, &self.place.partial] {
            // There may have been no token yet.
            let _ = fs::remove_file(path);
        }
    }
}

async fn follow(place: Arc<Place>, cached: Cached) {
    let mut written = Generation::default();
    let mut failing = false;
    loop {
        let authorization = cached.after(written).await;
        let generation = authorization.generation();
        let writing = tokio::task::spawn_blocking({
            let place = place.clone();
            move || place.write(&authorization)
        });
        match writing.await.unwrap_or_else(|broken| Err(io::Error::other(broken))) {
            Ok(()) => {
                written = generation;
                failing = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(%error, path = %place.path.display(), "the token file can't be written");
                }
                sleep(RETRY).await;
            }
        }
    }
}

impl Place {
    fn new(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut partial = std::ffi::OsString::from(".");
        partial.push(name);
        partial.push(".partial");
        let partial = path.with_file_name(partial);
        Ok(Self { path: path.to_owned(), partial, kept: Mutex::new(true) })
    }

    fn write(&self, authorization: &Authorization) -> io::Result<()> {
        let kept = self.kept.lock().expect("nothing panics with the file locked");
        if !*kept {
            return Ok(());
        }
        let mut file = self.create()?;
        file.write_all(authorization.expose_token().as_bytes())?;
        file.sync_all()?;
        fs::rename(&self.partial, &self.path)
    }

    /// Makes the file that will take the place of the old one. What an earlier process left is made anew, so that
    /// nobody has it open.
    fn create(&self) -> io::Result<File> {
        match fs::remove_file(&self.partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.partial)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok(file)
    }
}
