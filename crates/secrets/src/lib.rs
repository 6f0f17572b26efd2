//! Secrets, and their sources: a file, a variable, Vault, Google Secret Manager or AWS Secrets Manager.
//!
//! A [`Reference`] is a setting that holds a secret or says where it is. Opened, it is a [`SecretSource`], which reads the
//! current secret.
//!
//! ```
//! use tollgate_secrets::{Environment, Reference, SystemClock};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Programs use `Environment::process()`.
//! let environment = Environment::new(|name| (name == "KEPT").then(|| "s3cret".to_owned()), SystemClock::new());
//! let source = Reference::parse("env:KEPT")?.open(environment)?;
//! assert_eq!(source.read().await?.expose_secret(), "s3cret");
//! # Ok(())
//! # }
//! ```

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use zeroize::Zeroizing;

#[cfg(unix)]
pub mod access;
mod aws;
mod clock;
mod credential_cache;
mod environment;
mod error;
mod file;
mod folder;
mod gcp;
mod http;
pub mod https;
mod mark;
mod name;
mod payload;
mod reference;
mod vault;

pub use clock::{Clock, Reading, SystemClock};
pub use environment::Environment;
pub use error::{Reason, Refusal, SecretError};
pub use folder::Folder;
pub use mark::Mark;
pub use reference::{Reference, ReferenceError};

/// A secret text. It has no `Debug` and no `Display`, and is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Returns the secret itself.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// A source of a secret. It is read when the secret is first needed, and again when the authority refuses it.
pub trait SecretSource: Send + Sync + 'static {
    /// Reads the current secret.
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>>;

    /// Returns a mark that changes with everything that the next reading depends on, as far as this process can tell by itself. While the
    /// secret is refused, the mark is taken every second, and the secret is read again when it has changed.
    ///
    /// By default the mark never changes, and the secret is read every five seconds.
    fn mark(&self) -> Pin<Box<dyn Future<Output = Mark> + Send + '_>> {
        Box::pin(async { Mark::elsewhere(()) })
    }
}

impl<S: SecretSource + ?Sized> SecretSource for Arc<S> {
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>> {
        (**self).read()
    }

    fn mark(&self) -> Pin<Box<dyn Future<Output = Mark> + Send + '_>> {
        (**self).mark()
    }
}
