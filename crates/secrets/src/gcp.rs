//! Secrets in Google Secret Manager, by the metadata server's token or a service account's key.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use reqwest::{Method, RequestBuilder, Url};
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use tollgate_core::Timestamp;
use zeroize::Zeroizing;

use crate::credential_cache::{CredentialCache, Gate};
use crate::http::{self, Answer, Http};
use crate::name::{Name, is_word};
use crate::{Environment, Mark, Reason, Refusal, Secret, file, payload};

pub(crate) const FORM: &str = "projects/P[/locations/L]/secrets/S[/versions/V][#FIELD]";

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const KEY: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// How long a key that Google has refused is not tried again, unless its file changes.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);
/// The variable with another address of Secret Manager, as gcloud reads it.
const OVERRIDE: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER";

pub(crate) fn is_id(id: &str) -> bool {
    let segments: Vec<&str> = id.split('/').collect();
    let version = match segments[..] {
        ["projects", _, "secrets", _, ref version @ ..] => version,
        ["projects", _, "locations", location, "secrets", _, ref version @ ..] if is_word(location, "-") => {
            version
        }
        _ => return false,
    };
    // Old projects are named domain:name.
    let is_segment = |segment: &&str| is_word(segment, "-_.:") && !segment.starts_with('.');
    matches!(version, [] | ["versions", _]) && segments.iter().all(is_segment)
}

pub(crate) struct Gcp {
    name: Name,
    environment: Environment,
    http: Http,
    token: CredentialCache<Secret>,
    gate: Gate,
}

impl Gcp {
    pub(crate) fn open(name: Name, environment: Environment) -> Self {
        Self { name, environment, http: Http::new(), token: CredentialCache::empty(), gate: Gate::default() }
    }

    pub(crate) async fn read(&self) -> Result<Secret, Reason> {
        self.token.asking(self.environment.now(), || self.read_once()).await
    }

    pub(crate) async fn mark(&self) -> Mark {
        self.environment.mark(&[OVERRIDE, "GCE_METADATA_HOST"], &[KEY]).await
    }

    async fn read_once(&self) -> Result<Secret, Reason> {
        let token = self.token.or(self.environment.now(), self.obtain()).await?;
        let request = self.http.request(Method::GET, self.address()?)?;
        let bearer = http::sensitive(&format!("Bearer {}", token.expose_secret()))?;
        let answer = http::send(request.header("authorization", bearer)).await?;
        if answer.status != 200 {
            return Err(refused(&answer));
        }
        let unexpected = Reason::Unexpected("the answer is not one of Secret Manager");
        let Some(Version { payload }) = answer.json() else { return Err(unexpected) };
        let Ok(data) = BASE64_STANDARD.decode(&*payload.data).map(Zeroizing::new) else {
            return Err(unexpected);
        };
        if payload.data_crc32c.is_some_and(|sum| *sum != crc32c(&data).to_string()) {
            return Err(Reason::Unexpected("the secret was damaged on its way: read it again"));
        }
        payload::pick(&data, self.name.field.as_deref())
    }

    fn address(&self) -> Result<Url, Reason> {
        let id = &self.name.id;
        let host =
            self.environment.variable(OVERRIDE).unwrap_or_else(|| match *id.split('/').collect::<Vec<_>>() {
                // A regional secret is kept only in that region.
                [_, _, "locations", location, ..] => {
                    format!("https://secretmanager.{location}.rep.googleapis.com")
                }
                _ => "https://secretmanager.googleapis.com".to_owned(),
            });
        let version = if id.contains("/versions/") { "" } else { "/versions/latest" };
        http::address(OVERRIDE, &format!("{}/v1/{id}{version}:access", host.trim_end_matches('/')))
    }

    async fn obtain(&self) -> Result<(Secret, Timestamp), Reason> {
        match self.environment.variable(KEY) {
            Some(path) => {
                let (with, now) = (self.mark().await, self.environment.reading());
                let request = self.by_key(Path::new(&path), self.environment.now()).await?;
                self.gate.pass(with, now, |_| AFTER_REFUSAL, self.obtain_by(request)).await
            }
            None => self.obtain_by(self.by_machine()?).await,
        }
    }

    async fn obtain_by(&self, request: RequestBuilder) -> Result<(Secret, Timestamp), Reason> {
        let now = self.environment.now();
        let answer = http::send(request).await?;
        if answer.status != 200 {
            let refusal = match answer.refusal() {
                Refusal::Unavailable => Refusal::Unavailable,
                _ => Refusal::Denied,
            };
            let advice =
                "Google gives out no token: check that the service account and its key live, and the clock";
            return Err(answer.refused(refusal, answer.error()["error"].as_str(), advice));
        }
        let unexpected = "the answer has no access token: check token_uri or GCE_METADATA_HOST";
        let token: Token = answer.json().ok_or(Reason::Unexpected(unexpected))?;
        // The metadata server gives out the same token until five minutes before its expiry.
        let until = now.after(Duration::from_secs(token.expires_in.saturating_sub(60)));
        Ok((token.access_token, until))
    }

    fn by_machine(&self) -> Result<RequestBuilder, Reason> {
        let host =
            self.environment.variable("GCE_METADATA_HOST").unwrap_or_else(|| "169.254.169.254".to_owned());
        let address = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
        let mut url = http::address("GCE_METADATA_HOST", &address)?;
        url.query_pairs_mut().append_pair("scopes", SCOPE);
        Ok(self.http.request(Method::GET, url)?.header("metadata-flavor", "Google"))
    }

    /// Makes the request for the grant of RFC 7523 §2.1: an assertion, signed by the service account.
    async fn by_key(&self, path: &Path, now: Timestamp) -> Result<RequestBuilder, Reason> {
        let file = file::read(path, self.environment.sharing()).await?;
        let invalid = || Reason::Setting {
            name: KEY.to_owned(),
            problem: "is not the file of a service account's key: create one in the console",
        };
        let Kind { kind } = serde_json::from_slice(&file).map_err(|_| invalid())?;
        if kind != "service_account" {
            return Err(Reason::Unsupported(
                "GOOGLE_APPLICATION_CREDENTIALS names no service account's key, and gcloud's login, impersonation and \
                 identity federation are not supported: use a key or the metadata server",
            ));
        }
        let key: Key = serde_json::from_slice(&file).map_err(|_| invalid())?;
        let assertion = key.assertion(now).ok_or_else(invalid)?;
        let url = http::address("token_uri", &key.token_uri)?;
        let kind = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        Ok(self.http.request(Method::POST, url)?.form(&[("grant_type", kind), ("assertion", &assertion)]))
    }
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Deserialize)]
struct Key {
    #[serde(rename = "private_key_id")]
    id: String,
    #[serde(rename = "private_key", deserialize_with = "payload::secret")]
    pem: Secret,
    client_email: String,
    #[serde(default = "token_uri")]
    token_uri: String,
}

fn token_uri() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

impl Key {
    fn assertion(&self, now: Timestamp) -> Option<Zeroizing<String>> {
        let header = serde_json::json!({ "alg": "RS256", "typ": "JWT", "kid": self.id });
        let claims = serde_json::json!({
            "iss": self.client_email, "scope": SCOPE, "aud": self.token_uri,
            "iat": now.seconds(), "exp": now.seconds() + 3600,
        });
        let encode = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
        let [header, claims] = [header, claims].map(|part| encode(part.to_string().as_bytes()));
        let message = format!("{header}.{claims}");
        let key = PrivateKeyDer::from_pem_slice(self.pem.expose_secret().as_bytes()).ok()?;
        let signer = any_supported_type(&key).ok()?.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])?;
        let signature = signer.sign(message.as_bytes()).ok()?;
        Some(Zeroizing::new(format!("{message}.{}", encode(&signature))))
    }
}

fn refused(answer: &Answer) -> Reason {
    let error = answer.error();
    let code = error["error"]["status"].as_str();
    let (refusal, advice) = match answer.status.as_u16() {
        400 if code == Some("FAILED_PRECONDITION") => {
            (Refusal::Absent, "the version of the secret is disabled or destroyed: enable it or add another")
        }
        401 | 403 => {
            (Refusal::Denied, "Secret Manager denies access: it takes the role secretmanager.secretAccessor")
        }
        404 => (Refusal::Absent, "Secret Manager has no such secret or version: check the reference"),
        _ => (answer.refusal(), "Secret Manager can't answer"),
    };
    answer.refused(refusal, code, advice)
}

/// Returns the checksum that Secret Manager keeps with each version: CRC-32C (RFC 3720 §12.1). The data is short.
fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg()))
    })
}

#[derive(Deserialize)]
struct Version<'a> {
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default)]
    data: Cow<'a, str>,
    #[serde(rename = "dataCrc32c", borrow)]
    data_crc32c: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(deserialize_with = "payload::secret")]
    access_token: Secret,
    expires_in: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::environment;

    #[test]
    fn a_regional_secret_is_asked_for_in_its_region() {
        let host = "https://secretmanager";
        for (id, address) in [
            ("projects/p/secrets/s", ".googleapis.com/v1/projects/p/secrets/s/versions/latest:access"),
            (
                "projects/p/locations/us-east1/secrets/s/versions/7",
                ".us-east1.rep.googleapis.com/v1/projects/p/locations/us-east1/secrets/s/versions/7:access",
            ),
        ] {
            let name = Name { id: id.to_owned(), field: None };
            let gcp = Gcp::open(name, environment(&[]));
            assert_eq!(gcp.address().unwrap().as_str(), format!("{host}{address}"));
        }
    }

    #[test]
    fn the_checksum_is_crc32c() {
        // RFC 3720 §B.4, and the check value of the catalogue of CRCs.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
