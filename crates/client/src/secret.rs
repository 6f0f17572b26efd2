//! What a client authenticates with, and where it comes from.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use zeroize::Zeroizing;

mod aws;
mod env;
mod error;
mod file;
mod gcp;
mod http;
mod kept;
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

/// A secret. It shows itself to nobody who doesn't ask for it by name, and is wiped when it goes.
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

/// Where a secret is kept. It is read when it is first needed, and again when the authority refuses it.
pub trait SecretSource: Send + Sync + 'static {
    /// Reads the secret as it is now.
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>>;

    /// What shows, without a question to anybody else, of what the next reading depends on. While the secret is refused
    /// it is looked at every second, and the secret is read again when the mark is another one.
    ///
    /// Without an implementation nothing shows, and the secret is read every few seconds.
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
