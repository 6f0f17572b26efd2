//! Vault: the KV secrets engine, version 2, by token or `AppRole`.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Url};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use tollgate_core::Timestamp;

use super::http::{self, Answer, Http};
use super::kept::Kept;
use super::payload::{self, Fields};
use super::reference::Name;
use super::{Environment, Mark, Reason, Refusal, Secret, file};
use crate::tls;

pub(super) const FORM: &str = "MOUNT/PATH#FIELD";

/// The variables that say which Vault is asked, and by whom.
const VARIABLES: [&str; 6] = [
    "VAULT_ADDR",
    "VAULT_NAMESPACE",
    "VAULT_TOKEN",
    "VAULT_ROLE_ID",
    "VAULT_SECRET_ID",
    "VAULT_APPROLE_MOUNT",
];
/// The variables that name files which say by whom.
const FILES: [&str; 2] = ["VAULT_TOKEN_FILE", "VAULT_SECRET_ID_FILE"];

pub(super) fn is_id(id: &str) -> bool {
    let is_path = |path: &str| path.split('/').all(|segment| !["", ".", ".."].contains(&segment));
    mount_and_path(id).is_some_and(|(mount, path)| is_path(mount) && is_path(path))
}

/// Two slashes end a mount that has slashes in its name.
fn mount_and_path(id: &str) -> Option<(&str, &str)> {
    id.split_once("//").or_else(|| id.split_once('/'))
}

pub(super) struct Vault {
    name: Name,
    environment: Environment,
    http: Http,
    token: Kept<Secret>,
}

impl Vault {
    pub(super) fn open(name: Name, environment: Environment) -> Result<Self, Reason> {
        let http = match environment.variable("VAULT_CACERT") {
            Some(path) => Http::with_tls(tls::config_trusting(roots(Path::new(&path))?)),
            None => Http::new()?,
        };
        Ok(Self { name, environment, http, token: Kept::nothing() })
    }

    pub(super) async fn read(&self) -> Result<Secret, Reason> {
        self.token.reading(self.environment.now(), || self.read_once()).await
    }

    pub(super) async fn mark(&self) -> Mark {
        self.environment.mark(&VARIABLES, &FILES).await
    }

    async fn read_once(&self) -> Result<Secret, Reason> {
        let token = self.token().await?;
        let (mount, path) = mount_and_path(&self.name.id).expect("a reference to Vault names both");
        let request = self.request(Method::GET, &format!("{mount}/data/{path}"))?;
        let token = http::sensitive(token.expose_secret())?;
        let answer = http::send(request.header("x-vault-token", token)).await?;
        if answer.status != 200 {
            return Err(refused(&answer));
        }
        let body: Option<Body<'_>> = answer.json();
        let unexpected = "the answer is not one of KV version 2: check VAULT_ADDR and the mount";
        let field = self.name.field.as_deref().expect("a reference to Vault names a field");
        payload::member(&body.ok_or(Reason::Unexpected(unexpected))?.data.data, field)
    }

    async fn token(&self) -> Result<Secret, Reason> {
        match self.environment.variable("VAULT_TOKEN") {
            Some(token) => payload::text(token),
            None => self.token.or(self.environment.now(), self.log_in()).await,
        }
    }

    async fn log_in(&self) -> Result<(Secret, Timestamp), Reason> {
        let absent =
            "is not set, nor is VAULT_TOKEN: set the token, or the role id and VAULT_SECRET_ID(_FILE)";
        let role = self.environment.required("VAULT_ROLE_ID", absent)?;
        let secret = match self.environment.variable("VAULT_SECRET_ID_FILE") {
            Some(path) => payload::pick(&file::read(Path::new(&path)).await?, None)?,
            None => self.environment.secret("VAULT_SECRET_ID")?,
        };
        let mount = self.environment.variable("VAULT_APPROLE_MOUNT").unwrap_or_else(|| "approle".to_owned());
        let request = self.request(Method::POST, &format!("auth/{mount}/login"))?;
        let now = self.environment.now();
        let body = serde_json::json!({ "role_id": role, "secret_id": secret.expose_secret() });
        let answer = http::send(request.json(&body)).await?;
        if answer.status != 200 {
            let advice =
                "Vault refuses the AppRole: check VAULT_ROLE_ID, and that the secret id has not expired";
            return Err(match answer.status.as_u16() {
                400 | 403 => answer.refused(Refusal::Denied, None, advice),
                _ => refused(&answer),
            });
        }
        let unexpected = "the answer to the login has no token: check VAULT_ADDR";
        let login: Login = answer.json().ok_or(Reason::Unexpected(unexpected))?;
        let until = match login.auth.lease_duration {
            0 => Timestamp::MAX,
            seconds => now.after(Duration::from_secs(seconds - seconds.div_ceil(10).min(30))),
        };
        Ok((login.auth.client_token, until))
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Reason> {
        let address =
            self.environment.required("VAULT_ADDR", "is not set: set it to the address of Vault")?;
        let mut url: Url = http::address("VAULT_ADDR", &address)?;
        url.path_segments_mut()
            .expect("an address with http or https has a path")
            .pop_if_empty()
            .push("v1")
            .extend(path.split('/'));
        // An agent may insist on this header, which nobody can be tricked into sending.
        let mut request = self.http.request(method, url)?.header("x-vault-request", "true");
        if let Some(namespace) = self.environment.variable("VAULT_NAMESPACE") {
            request = request.header("x-vault-namespace", namespace);
        }
        Ok(request)
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

fn refused(answer: &Answer) -> Reason {
    let error = answer.error();
    let version = &error["data"]["metadata"];
    let is_unmounted = |error: &str| error.starts_with("no handler for route");
    let (refusal, advice) = match answer.status.as_u16() {
        403 => (
            Refusal::Denied,
            "Vault denies permission: check that the token lives and may read MOUNT/data/PATH",
        ),
        404 if version["destroyed"] == true => {
            (Refusal::Absent, "the latest version of the secret is destroyed: write a new one")
        }
        404 if version.is_object() => {
            (Refusal::Absent, "the latest version of the secret is deleted: undelete it or write a new one")
        }
        404 if error["errors"][0].as_str().is_some_and(is_unmounted) => {
            (Refusal::Absent, "Vault has no secrets engine at that mount: check MOUNT")
        }
        404 => (Refusal::Absent, "Vault has no such secret: check PATH, and that the mount is KV version 2"),
        300..400 | 429 | 472 | 473 => {
            (Refusal::Unavailable, "this node of Vault is a standby or over its limit: ask the active one")
        }
        412 => (Refusal::Unavailable, "this node of Vault is behind the active one: try again"),
        503 => (Refusal::Unavailable, "Vault is sealed or in maintenance: unseal it"),
        _ => (answer.refusal(), "Vault refuses: its log says why"),
    };
    answer.refused(refusal, None, advice)
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

#[derive(Deserialize)]
struct Login {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(deserialize_with = "payload::secret")]
    client_token: Secret,
    lease_duration: u64,
}
