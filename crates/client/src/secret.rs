//! Secrets of a client, and the sources that they are read from.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use zeroize::Zeroizing;

#[cfg(unix)]
pub mod access;
mod aws;
mod credential_cache;
mod env;
mod error;
mod file;
mod gcp;
mod http;
mod mark;
mod payload;
mod reference;
mod vault;

pub use env::Environment;
#[cfg(test)]
pub(crate) use env::tests::environment;
pub use error::{Reason, Refusal, SecretError};
pub use mark::Mark;
pub use reference::{Reference, ReferenceError};

/// A secret. It has no `Debug` and no `Display`, and is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret itself.
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

    /// A mark that changes with whatever the next reading depends on, as far as this process can tell by itself. While the
    /// secret is refused the mark is taken every second, and the secret is read again when it has changed.
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
