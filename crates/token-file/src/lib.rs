//! Keeps the current access token in a file, for programs that read one.
//!
//! `tollgate agent --token-file` does it beside the proxy, or without one. Another program does it with the client that it uses
//! anyway:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use tollgate_client::{Cached, Caller, Environment, Settings};
//! use tollgate_token_file::TokenFile;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let caller = Caller::from_environment(&Environment::process()).await?;
//! let cached = Cached::new(caller.credentials()?, Settings::default());
//! let file = TokenFile::keep(Path::new("/run/payments/token"), cached)?;
//! # Ok(())
//! # }
//! ```

#![cfg(unix)]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use tollgate_client::{Authorization, Cached, Generation};

/// The pause before a file that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// The longest content that is recognized as a token, in bytes.
const LONGEST: u64 = 16 << 10;
/// How often it is checked whether the token has expired and whether another agent has removed the file.
const LOOK: Duration = Duration::from_secs(1);

/// Keeps a file with the current access token and nothing else. It is replaced at each renewal, completely or not at all, and
/// only its owner can read it. It is removed when its token expires and there is no new one, and when this is dropped; a file that
/// another process has put in its place is not touched.
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
    folder: PathBuf,
    name: OsString,
    /// The state of the file, which is locked while the file is written or removed.
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// This process has not written the file, or has removed it.
    Empty,
    /// The file that this process has written. It stays open, so that no other file can have its inode.
    Written(File),
    /// The file is no longer kept up to date.
    Over,
}

impl TokenFile {
    /// Keeps the tokens of `cached` in a file at `path`. Fails if no file can be written there, and with
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if the path has a file that no agent has written, which would be lost. It must be
    /// called in a tokio runtime.
    pub fn keep(path: &Path, cached: Cached) -> io::Result<Self> {
        let place = Arc::new(Place::new(path)?);
        place.check()?;
        place.clean()?;
        // A folder that is not writable must fail now, and not when there is a token.
        let (_, partial) = place.create()?;
        fs::remove_file(partial)?;
        let task = tokio::spawn(follow(place.clone(), cached));
        Ok(Self { place, task })
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        self.task.abort();
        self.place.remove(State::Over);
    }
}

async fn follow(place: Arc<Place>, cached: Cached) {
    let mut written = Generation::default();
    let mut failing = false;
    loop {
        let newer = timeout(LOOK, cached.after(written)).await.ok();
        let (place_of, current) = (place.clone(), cached.authorization());
        let acting = tokio::task::spawn_blocking(move || match (newer, current) {
            (Some(newer), _) => place_of.write(&newer).map(|()| Some(newer.generation())),
            // The token has expired; a missing file is better for readers.
            (None, None) => {
                place_of.remove(State::Empty);
                Ok(None)
            }
            // Another agent removed its own file when it ended, or somebody else did.
            (None, Some(current)) if place_of.is_missing() => place_of.write(&current).map(|()| None),
            (None, Some(_)) => Ok(None),
        });
        match acting.await.unwrap_or_else(|broken| Err(io::Error::other(broken))) {
            Ok(generation) => {
                written = generation.unwrap_or(written);
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
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self { path: path.to_owned(), folder: folder.to_owned(), name, state: Mutex::new(State::Empty) })
    }

    fn write(&self, authorization: &Authorization) -> io::Result<()> {
        let mut state = self.state();
        if matches!(*state, State::Over) {
            return Ok(());
        }
        if !matches!(&*state, State::Written(own) if is_at(own, &self.path)) {
            self.check()?;
        }
        let (mut file, partial) = self.create()?;
        file.write_all(authorization.expose_token().as_bytes())?;
        file.sync_all()?;
        fs::rename(partial, &self.path)?;
        *state = State::Written(file);
        Ok(())
    }

    /// Refuses a path with something that no agent has written. A link to a token file is accepted, and stays.
    fn check(&self) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(found) if found.is_symlink() => Ok(()),
            Ok(found) if found.is_file() && is_token_file(&self.path)? => Ok(()),
            Ok(_) => Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "it is there and holds no token: delete it, or choose another place",
            )),
        }
    }

    /// Removes the file, unless another process has put its own there.
    fn remove(&self, next: State) {
        let mut state = self.state();
        if matches!(*state, State::Over) {
            return;
        }
        if let State::Written(file) = std::mem::replace(&mut *state, next)
            && is_at(&file, &self.path)
        {
            // Best effort: if the file can't be removed, its token expires.
            let _ = fs::remove_file(&self.path);
        }
    }

    fn is_missing(&self) -> bool {
        fs::symlink_metadata(&self.path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// Creates the file that will replace the old one, under a random name because another agent may do the same. It is
    /// locked as long as this process keeps it.
    fn create(&self) -> io::Result<(File, PathBuf)> {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(format!(".{:016x}.partial", rand::random::<u64>()));
        let partial = self.folder.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        // If files can't be locked, two agents that start at once may fail, and try again.
        let _ = file.try_lock();
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok((file, partial))
    }

    /// Removes files of processes that were killed while they wrote.
    fn clean(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if !self.is_partial(&entry.file_name()) {
                continue;
            }
            let is_file = entry.file_type()?.is_file();
            let in_use = is_file && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_err());
            if !in_use {
                // The file may belong to another user, or be removed already.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn is_partial(&self, name: &OsStr) -> bool {
        let rest =
            name.as_bytes().strip_prefix(b".").and_then(|rest| rest.strip_prefix(self.name.as_bytes()));
        let middle = rest.and_then(|rest| rest.strip_suffix(b".partial"));
        // Names of version 0.1.0 had nothing in the middle.
        middle.is_some_and(|middle| match middle {
            [] => true,
            [b'.', digits @ ..] => digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit),
            _ => false,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics with the file locked")
    }
}

/// Says whether another agent keeps this file, or a killed one may have left it behind: it then contains a token.
fn is_token_file(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return Ok(true);
    }
    let mut content = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LONGEST {
        return Ok(false);
    }
    let parts: Vec<_> = content.split(|byte| *byte == b'.').collect();
    let is_text = |part: &[u8]| {
        !part.is_empty() && part.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
    };
    // A token begins with its header, a JSON object (RFC 7515 §3.1).
    let is_token = parts.len() == 3 && content.starts_with(b"eyJ") && parts.into_iter().all(is_text);
    Ok(content.is_empty() || is_token)
}

/// Says whether the path leads to this file.
fn is_at(file: &File, path: &Path) -> bool {
    let own = file.metadata();
    let found = fs::symlink_metadata(path);
    own.is_ok_and(|own| found.is_ok_and(|found| (own.dev(), own.ino()) == (found.dev(), found.ino())))
}
