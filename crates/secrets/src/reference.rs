//! References: a secret, or where to find it.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use crate::aws::{self, Aws};
use crate::file::File;
use crate::gcp::{self, Gcp};
use crate::name::{Name, is_word};
use crate::vault::{self, Vault};
use crate::{Environment, Mark, Reason, Secret, SecretError, SecretSource};

/// A value, or where it is kept. It is what settings like `TOLLGATE_CLIENT_SECRET` hold.
///
/// | text | where the value is |
/// | --- | --- |
/// | `file:PATH` | in a file |
/// | `env:NAME` | in a variable of the environment |
/// | `vault:MOUNT/PATH#FIELD` | in Vault, KV version 2; the path is that of `vault kv get`, without `data/` |
/// | `gcp:projects/P[/locations/L]/secrets/S[/versions/V][#FIELD]` | in Google Secret Manager, the latest version by default |
/// | `aws:NAME-or-ARN[#FIELD]` | in AWS Secrets Manager |
///
/// Any other text is the value itself, colons or not. A mount with slashes in its name is ended by two of them:
/// `vault:team/kv//app#secret`. `#FIELD` names a member of a JSON object. A newline at the end
/// of what is found is not part of it. `docs/adr/0011-secret-sources.md` says how each
/// store is found, and how it is told who asks.
///
/// ```
/// use tollgate_secrets::Reference;
///
/// let reference = Reference::parse("vault:secret/tollgate#client_secret")?;
/// assert_eq!(reference.to_string(), "vault:secret/tollgate#client_secret");
/// assert_eq!(Reference::parse("https://core.example.com")?.to_string(), "a plain value");
/// assert!(Reference::parse("vault:secret").is_err());
/// # Ok::<(), tollgate_secrets::ReferenceError>(())
/// ```
#[derive(Clone)]
pub struct Reference(Place);

#[derive(Clone)]
enum Place {
    Plain(Secret),
    File(PathBuf),
    Env(String),
    Vault(Name),
    Gcp(Name),
    Aws(Name),
}

/// A text that begins like a reference and isn't one. The error doesn't hold the text, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "what begins with {scheme}: must be {scheme}:{form}{lacks} (a secret that begins so can be given by file:PATH)"
)]
pub struct ReferenceError {
    scheme: &'static str,
    form: &'static str,
    lacks: &'static str,
}

impl Reference {
    /// Parses a text. What it refers to need not exist yet.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let plain = || Place::Plain(Secret::from(text.to_owned()));
        let Some((scheme, rest)) = text.split_once(':') else { return Ok(Self(plain())) };
        let (scheme, form, place) = match scheme {
            "file" => ("file", "PATH", is_path(rest).then(|| Place::File(rest.into()))),
            "env" => ("env", "NAME", is_variable(rest).then(|| Place::Env(rest.to_owned()))),
            "vault" => (
                "vault",
                vault::FORM,
                Name::parse(rest, vault::is_id).filter(|name| name.field.is_some()).map(Place::Vault),
            ),
            "gcp" => ("gcp", gcp::FORM, Name::parse(rest, gcp::is_id).map(Place::Gcp)),
            "aws" => ("aws", aws::FORM, Name::parse(rest, aws::is_id).map(Place::Aws)),
            _ => return Ok(Self(plain())),
        };
        let lacks = if scheme == "vault" && !rest.contains('#') { "; #FIELD is missing" } else { "" };
        place.map(Self).ok_or(ReferenceError { scheme, form, lacks })
    }

    /// Opens the reference as a source, which reads the secret each time.
    ///
    /// Settings of the stores are read from `environment` with each secret, except `VAULT_CACERT`, which is read here.
    pub fn open(&self, environment: Environment) -> Result<Arc<dyn SecretSource>, SecretError> {
        let reference = self.to_string();
        let store = match &self.0 {
            Place::Plain(secret) => Ok(Store::Plain(secret.clone())),
            Place::File(path) => Ok(Store::File(File::new(path.clone()), environment)),
            Place::Env(name) => Ok(Store::Env(name.clone(), environment)),
            Place::Vault(name) => Vault::open(name.clone(), environment).map(Store::Vault),
            Place::Gcp(name) => Ok(Store::Gcp(Gcp::open(name.clone(), environment))),
            Place::Aws(name) => Ok(Store::Aws(Aws::open(name.clone(), environment))),
        };
        match store {
            Ok(store) => Ok(Arc::new(Source { reference, store })),
            Err(reason) => Err(SecretError::new(reference, reason)),
        }
    }
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}

fn is_variable(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit()) && is_word(text, "_")
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Plain(_) => f.write_str("a plain value"),
            Place::File(path) => write!(f, "file:{}", path.display()),
            Place::Env(name) => write!(f, "env:{name}"),
            Place::Vault(name) => write!(f, "vault:{name}"),
            Place::Gcp(name) => write!(f, "gcp:{name}"),
            Place::Aws(name) => write!(f, "aws:{name}"),
        }
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reference({self})")
    }
}

struct Source {
    reference: String,
    store: Store,
}

enum Store {
    Plain(Secret),
    File(File, Environment),
    Env(String, Environment),
    Vault(Vault),
    Gcp(Gcp),
    Aws(Aws),
}

impl Store {
    async fn read(&self) -> Result<Secret, Reason> {
        match self {
            Self::Plain(secret) => Ok(secret.clone()),
            Self::File(file, environment) => file.read(environment.sharing()).await,
            Self::Env(name, environment) => environment.secret(name),
            Self::Vault(vault) => vault.read().await,
            Self::Gcp(gcp) => gcp.read().await,
            Self::Aws(aws) => aws.read().await,
        }
    }

    async fn mark(&self) -> Mark {
        match self {
            Self::Plain(_) => Mark::complete(()),
            Self::File(file, _) => file.mark().await,
            Self::Env(name, environment) => Mark::complete(environment.variable(name)),
            Self::Vault(vault) => vault.mark().await,
            Self::Gcp(gcp) => gcp.mark().await,
            Self::Aws(aws) => aws.mark().await,
        }
    }
}

impl SecretSource for Source {
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>> {
        Box::pin(async {
            let secret = self.store.read().await;
            secret.map_err(|reason| SecretError::new(&self.reference, reason))
        })
    }

    fn mark(&self) -> Pin<Box<dyn Future<Output = Mark> + Send + '_>> {
        Box::pin(self.store.mark())
    }
}

#[cfg(test)]
mod tests;
