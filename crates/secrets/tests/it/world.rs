//! The environment that a source is given: variables that a test can change, and a clock that it moves.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tollgate_secrets::{
    Clock, Environment, Folder, Reading, Reason, Reference, Refusal, SecretError, SecretSource,
};

/// The time that a world begins with, in seconds since 1970.
const START: u64 = 1_764_000_000;

#[derive(Clone)]
pub(crate) struct World {
    variables: Arc<Mutex<HashMap<String, String>>>,
    seconds: Arc<AtomicU64>,
    folder: Arc<TempDir>,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Others can't come near the files in it.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        }
        Self { variables: Arc::default(), seconds: Arc::new(AtomicU64::new(START)), folder: Arc::new(folder) }
    }

    pub(crate) fn set(&self, name: &str, value: impl Into<String>) {
        self.variables.lock().unwrap().insert(name.to_owned(), value.into());
    }

    pub(crate) fn unset(&self, name: &str) {
        self.variables.lock().unwrap().remove(name);
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Writes a file and sets the variable to its path.
    pub(crate) fn set_to_file(&self, variable: &str, content: impl AsRef<[u8]>) {
        let path = self.file(variable, content);
        self.set(variable, path.to_str().unwrap());
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    /// The time, in seconds since 1970.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.load(Ordering::Relaxed)
    }

    pub(crate) fn open(&self, reference: &str) -> Result<Arc<dyn SecretSource>, SecretError> {
        self.open_by(reference, self.clone())
    }

    /// Opens a reference in this world, where time goes by another clock.
    pub(crate) fn open_by(
        &self,
        reference: &str,
        clock: impl Clock,
    ) -> Result<Arc<dyn SecretSource>, SecretError> {
        let variables = Arc::clone(&self.variables);
        let environment = Environment::new(move |name| variables.lock().unwrap().get(name).cloned(), clock);
        Reference::parse(reference).unwrap().open(environment)
    }

    /// Opens a folder for new secrets in this world.
    pub(crate) fn folder(&self, text: &str) -> Result<Folder, SecretError> {
        let variables = Arc::clone(&self.variables);
        let variable = move |name: &str| variables.lock().unwrap().get(name).cloned();
        Folder::open(text, Environment::new(variable, self.clone()))
    }

    /// Opens a reference and reads it once.
    pub(crate) async fn read(&self, reference: &str) -> Result<String, SecretError> {
        read(&*self.open(reference)?).await
    }

    /// The error of reading once.
    pub(crate) async fn error(&self, reference: &str) -> SecretError {
        match self.read(reference).await {
            Ok(secret) => panic!("{reference} is {secret}"),
            Err(error) => error,
        }
    }
}

impl Clock for World {
    fn now(&self) -> Reading {
        let monotonic = Duration::from_secs(self.seconds() - START);
        Reading { monotonic, wall: Duration::from_secs(self.seconds()) }
    }
}

pub(crate) async fn read(source: &dyn SecretSource) -> Result<String, SecretError> {
    source.read().await.map(|secret| secret.expose_secret().to_owned())
}

/// Why the store refused, and the store's own code.
#[track_caller]
pub(crate) fn refusal(error: &SecretError) -> (Refusal, u16, Option<&str>) {
    match error.reason() {
        Reason::Refused { refusal, status, code, .. } => (*refusal, *status, code.as_deref()),
        other => panic!("{other:?}"),
    }
}
