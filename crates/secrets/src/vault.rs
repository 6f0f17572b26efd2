//! Secrets in Vault: the KV secrets engine, version 2, by token or `AppRole`.

use std::path::Path;
use std::sync::Arc;

use reqwest::Method;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};

use crate::http::{self, Http};
use crate::name::Name;
use crate::payload::{self, Fields};
use crate::{Environment, Mark, Reason, Secret, https};
use api::Api;
use login::Login;
use renewal::Renewal;

mod api;
mod login;
mod refusal;
mod renewal;

pub(crate) const FORM: &str = "MOUNT/PATH#FIELD, with two slashes after a mount that has some in its name \
                               (team/kv//app#FIELD)";

/// The variables with the address of Vault and the identity of this process.
const VARIABLES: [&str; 6] = [
    "VAULT_ADDR",
    "VAULT_NAMESPACE",
    "VAULT_TOKEN",
    "VAULT_ROLE_ID",
    "VAULT_SECRET_ID",
    "VAULT_APPROLE_MOUNT",
];
/// The variables that name files with the identity of this process.
const FILES: [&str; 2] = ["VAULT_TOKEN_FILE", "VAULT_SECRET_ID_FILE"];

pub(crate) fn is_id(id: &str) -> bool {
    let is_path = |path: &str| path.split('/').all(|segment| !["", ".", ".."].contains(&segment));
    mount_and_path(id).is_some_and(|(mount, path)| is_path(mount) && is_path(path))
}

/// Splits an id into the mount and the path. Two slashes end a mount that has slashes in its name.
fn mount_and_path(id: &str) -> Option<(&str, &str)> {
    id.split_once("//").or_else(|| id.split_once('/'))
}

pub(crate) struct Vault {
    name: Name,
    api: Arc<Api>,
    login: Login,
    renewal: Renewal,
}

impl Vault {
    pub(crate) fn open(name: Name, environment: Environment) -> Result<Self, Reason> {
        let http = match environment.variable("VAULT_CACERT") {
            Some(path) => Http::with_tls(https::config_trusting(roots(Path::new(&path))?)),
            None => Http::new(),
        };
        let api = Arc::new(Api { environment, http });
        Ok(Self { name, api, login: Login::new(), renewal: Renewal::default() })
    }

    pub(crate) async fn read(&self) -> Result<Secret, Reason> {
        let now = self.api.environment.now();
        self.login.token.asking(now, || self.read_once()).await
    }

    /// Writes the fields of a new entry in the folder of this name.
    pub(crate) async fn keep(&self, entry: &str, fields: &(impl Serialize + Sync)) -> Result<(), Reason> {
        let now = self.api.environment.now();
        self.login.token.asking(now, || self.keep_once(entry, fields)).await
    }

    pub(crate) async fn mark(&self) -> Mark {
        self.api.environment.mark(&VARIABLES, &FILES).await
    }

    /// Returns the token of this process, and whether the token was given to it.
    async fn token(&self) -> Result<(Secret, bool), Reason> {
        match self.api.given_token().await? {
            Some(token) => Ok((token, true)),
            None => Ok((self.login.token(&self.api).await?, false)),
        }
    }

    async fn keep_once(&self, entry: &str, fields: &(impl Serialize + Sync)) -> Result<(), Reason> {
        let (token, _) = self.token().await?;
        let (mount, path) = mount_and_path(&self.name.id).expect("a folder of Vault names both");
        let at = format!("{mount}/data/{path}/{entry}");
        // Only if the entry has no version, including deleted ones.
        let body = serde_json::json!({ "options": { "cas": 0 }, "data": fields });
        let request = self.api.request(Method::POST, &at, Some(&token))?;
        let answer = http::send(request.json(&body)).await?;
        if answer.status == 200 { Ok(()) } else { Err(refusal::of_writing(&answer)) }
    }

    async fn read_once(&self) -> Result<Secret, Reason> {
        let (token, is_given) = self.token().await?;
        let (mount, path) = mount_and_path(&self.name.id).expect("a reference to Vault names both");
        let request = self.api.request(Method::GET, &format!("{mount}/data/{path}"), Some(&token))?;
        let answer = http::send(request).await?;
        if answer.status != 200 {
            return Err(refusal::of(&answer, path));
        }
        if is_given {
            self.renewal.ensure(&self.api);
        }
        let body: Option<Body<'_>> = answer.json();
        let unexpected = "the answer is not one of KV version 2: check VAULT_ADDR and the mount";
        let field = self.name.field.as_deref().expect("a reference to Vault names a field");
        payload::member(&body.ok_or(Reason::Unexpected(unexpected))?.data.data, field)
    }
}

fn roots(path: &Path) -> Result<RootCertStore, Reason> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    if let Ok(certificates) = certificates {
        roots.add_parsable_certificates(certificates);
    }
    if roots.is_empty() {
        let problem = "names no file with certificates in PEM: check the path and what is in it";
        return Err(Reason::Setting { name: "VAULT_CACERT".to_owned(), problem });
    }
    Ok(roots)
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    data: Fields<'a>,
}
