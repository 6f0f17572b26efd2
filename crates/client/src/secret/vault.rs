//! Vault: the KV secrets engine, version 2, by token or `AppRole`.

use std::fmt;
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
use super::{Environment, Reason, Refusal, Secret, file};
use crate::tls;

pub(super) const FORM: &str = "MOUNT/PATH#FIELD";

#[derive(Clone)]
pub(super) struct Name {
    mount: String,
    path: String,
    field: String,
}

impl Name {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (place, field) = text.rsplit_once('#')?;
        let (mount, path) = place.split_once("//").or_else(|| place.split_once('/'))?;
        let is_path = |path: &str| path.split('/').all(|segment| !["", ".", ".."].contains(&segment));
        (is_path(mount) && is_path(path) && !field.is_empty() && !text.contains(char::is_control))
            .then(|| Self { mount: mount.to_owned(), path: path.to_owned(), field: field.to_owned() })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slashes = if self.mount.contains('/') { "//" } else { "/" };
        write!(f, "{}{slashes}{}#{}", self.mount, self.path, self.field)
    }
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
        self.token.reading(|| self.read_once()).await
    }

    async fn read_once(&self) -> Result<Secret, Reason> {
        let token = self.token().await?;
        let path = format!("{}/data/{}", self.name.mount, self.name.path);
        let request = self.request(Method::GET, &path)?;
        let answer =
            http::send(request.header("x-vault-token", http::sensitive(token.expose_secret())?)).await?;
        let body: Body<'_> = answer.json().unwrap_or_default();
        match body.data {
            Some(Data { data: Some(fields), .. }) if answer.status == 200 => {
                payload::member(&fields, &self.name.field)
            }
            Some(Data { metadata: Some(version), .. }) if answer.status == 404 => {
                Err(version.refused(&answer))
            }
            _ if answer.status == 200 => Err(Reason::Unexpected(
                "the answer is not one of KV version 2: check VAULT_ADDR and the mount",
            )),
            _ => Err(refused(&answer, &body.errors)),
        }
    }

    async fn token(&self) -> Result<Secret, Reason> {
        match self.environment.secret("VAULT_TOKEN") {
            Ok(token) => Ok(token),
            Err(_) => self.token.or(self.environment.now(), self.log_in()).await,
        }
    }

    async fn log_in(&self) -> Result<(Secret, Timestamp), Reason> {
        let role = self.environment.required(
            "VAULT_ROLE_ID",
            "is not set, nor is VAULT_TOKEN: set the token, or VAULT_ROLE_ID with VAULT_SECRET_ID or VAULT_SECRET_ID_FILE",
        )?;
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
            // Vault has answered an unknown role or secret with 400, 403 and 500 over the years.
            let body: Body<'_> = answer.json().unwrap_or_default();
            return Err(match answer.status.as_u16() {
                400 | 403 => answer.refused(Refusal::Denied, None, "Vault refuses the AppRole: check VAULT_ROLE_ID and the secret id, which may have expired"),
                _ => refused(&answer, &body.errors),
            });
        }
        let login: Login = answer
            .json()
            .ok_or(Reason::Unexpected("the answer to the login has no token: check VAULT_ADDR"))?;
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
        // Vault wants the second header of everybody, against requests that a server was tricked into.
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

fn refused(answer: &Answer, errors: &[String]) -> Reason {
    let (refusal, advice) = match answer.status.as_u16() {
        403 => (
            Refusal::Denied,
            "Vault denies permission: check that the token is alive and its policy allows reading MOUNT/data/PATH",
        ),
        404 if errors.iter().any(|error| error.starts_with("no handler for route")) => {
            (Refusal::Absent, "Vault has no secrets engine at that mount: check MOUNT")
        }
        404 => (Refusal::Absent, "Vault has no such secret: check PATH, and that the mount is KV version 2"),
        300..400 | 429 | 472 | 473 => (
            Refusal::Unavailable,
            "this node of Vault is a standby or over its limit: set VAULT_ADDR to the active one",
        ),
        412 => (Refusal::Unavailable, "this node of Vault is behind the active one: try again"),
        503 => (Refusal::Unavailable, "Vault is sealed or in maintenance: unseal it"),
        _ => (answer.refusal(), "Vault refuses: its log says why"),
    };
    answer.refused(refusal, None, advice)
}

#[derive(Deserialize, Default)]
struct Body<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(default)]
    errors: Vec<String>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    data: Option<Fields<'a>>,
    metadata: Option<Version>,
}

#[derive(Deserialize)]
struct Version {
    destroyed: bool,
}

impl Version {
    fn refused(&self, answer: &Answer) -> Reason {
        let advice = if self.destroyed {
            "the latest version of the secret is destroyed: write a new one"
        } else {
            "the latest version of the secret is deleted: undelete it or write a new one"
        };
        answer.refused(Refusal::Absent, None, advice)
    }
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
