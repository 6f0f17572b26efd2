//! Secrets in AWS Secrets Manager.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde::Deserialize;
use tollgate_core::Timestamp;
use zeroize::Zeroizing;

use crate::credential_cache::{CredentialCache, Gate};
use crate::http::{self, Answer, Http};
use crate::name::{Name, is_word};
use crate::{Environment, Mark, Reason, Refusal, Secret, payload};
use credentials::Credentials;
use endpoint::endpoint;

mod credentials;
mod endpoint;
mod signature;

pub(crate) const FORM: &str = "NAME-or-ARN[#FIELD]";

pub(crate) fn is_id(id: &str) -> bool {
    let is_name = |name| is_word(name, "/_+=.@-!");
    match id.splitn(7, ':').collect::<Vec<_>>()[..] {
        ["arn", _, "secretsmanager", region, _, "secret", name] => is_word(region, "-") && is_name(name),
        [name] => is_name(name),
        _ => false,
    }
}

pub(crate) struct Aws {
    name: Name,
    environment: Environment,
    http: Http,
    credentials: CredentialCache<Credentials>,
    gate: Gate,
}

impl Aws {
    pub(crate) fn open(name: Name, environment: Environment) -> Self {
        Self {
            name,
            environment,
            http: Http::new(),
            credentials: CredentialCache::empty(),
            gate: Gate::default(),
        }
    }

    pub(crate) async fn read(&self) -> Result<Secret, Reason> {
        self.credentials.asking(self.environment.now(), || self.read_once()).await
    }

    pub(crate) async fn mark(&self) -> Mark {
        self.environment.mark(&credentials::VARIABLES, &credentials::FILES).await
    }

    async fn read_once(&self) -> Result<Secret, Reason> {
        let region = self.region()?;
        let now = self.environment.now();
        let obtained = credentials::obtain(&self.environment, &self.http, &region, &self.gate);
        let credentials = self.credentials.or(now, obtained).await?;
        let answer = self.ask(&credentials, &region, now).await?;
        if answer.status != 200 {
            return Err(refused(&answer));
        }
        let unexpected =
            Reason::Unexpected("the answer is not one of Secrets Manager: check AWS_ENDPOINT_URL");
        match answer.json() {
            Some(Value { text: Some(text), .. }) => {
                payload::pick(Zeroizing::new(text.into_owned()).as_bytes(), self.name.field.as_deref())
            }
            Some(Value { binary: Some(binary), .. }) => {
                let bytes = Zeroizing::new(BASE64_STANDARD.decode(&*binary).map_err(|_| unexpected)?);
                payload::pick(&bytes, self.name.field.as_deref())
            }
            _ => Err(unexpected),
        }
    }

    fn region(&self) -> Result<String, Reason> {
        if let Some(region) = self.name.id.split(':').nth(3) {
            return Ok(region.to_owned());
        }
        let variable = |name: &str| self.environment.variable(name);
        let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        region.filter(|region| is_word(region, "-")).ok_or_else(|| Reason::Setting {
            name: "AWS_REGION".to_owned(),
            problem: "is not set to a region: set it, or give the secret's ARN",
        })
    }

    async fn ask(&self, credentials: &Credentials, region: &str, now: Timestamp) -> Result<Answer, Reason> {
        let url = endpoint(&self.environment, "AWS_ENDPOINT_URL_SECRETS_MANAGER", "secretsmanager", region)?;
        let body = serde_json::json!({ "SecretId": self.name.id }).to_string();
        let (host, date) = (http::host(&url), signature::date(now));
        let mut headers = vec![
            ("content-type", "application/x-amz-json-1.1"),
            ("host", &host),
            ("x-amz-date", &date),
            ("x-amz-target", "secretsmanager.GetSecretValue"),
        ];
        if let Some(token) = &credentials.token {
            headers.insert(3, ("x-amz-security-token", token.expose_secret()));
        }
        let signed = signature::Signed { path: url.path(), headers: &headers, body: &body, date: &date };
        let authorization = signed.authorization(credentials, region, "secretsmanager");
        let mut request = self.http.request(Method::POST, url)?;
        for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
            request = request.header(*name, http::sensitive(value)?);
        }
        http::send(request.header("authorization", http::sensitive(&authorization)?).body(body)).await
    }
}

fn refused(answer: &Answer) -> Reason {
    // The code is in the header or in the body, with a namespace before it or an address after it.
    let (header, error) = (answer.headers.get("x-amzn-errortype"), answer.error());
    let code = header.and_then(|value| value.to_str().ok()).or(error["__type"].as_str()).unwrap_or_default();
    let code = code.split(':').next().and_then(|code| code.rsplit('#').next()).unwrap_or_default();
    let (refusal, advice) = match code {
        "ResourceNotFoundException" => (
            Refusal::Absent,
            "Secrets Manager has no such secret in this region: check the name and AWS_REGION",
        ),
        "InvalidRequestException" => {
            (Refusal::Absent, "the secret is marked for deletion: restore it, or name another one")
        }
        "AccessDeniedException" | "DecryptionFailure" => (
            Refusal::Denied,
            "AWS denies access: allow secretsmanager:GetSecretValue, and kms:Decrypt for the secret's key",
        ),
        "ExpiredTokenException" | "UnrecognizedClientException" | "InvalidClientTokenId" => {
            (Refusal::Denied, "AWS doesn't know these credentials, or they have expired: exchange them")
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" => {
            (Refusal::Denied, "AWS refuses the signature: check AWS_SECRET_ACCESS_KEY and the clock")
        }
        "ThrottlingException" | "InternalServiceError" | "ServiceUnavailable" => {
            (Refusal::Unavailable, "Secrets Manager can't answer now: try again")
        }
        _ => (answer.refusal(), "Secrets Manager refuses"),
    };
    answer.refused(refusal, Some(code), advice)
}

#[derive(Deserialize)]
struct Value<'a> {
    #[serde(rename = "SecretString", borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(rename = "SecretBinary", borrow)]
    binary: Option<Cow<'a, str>>,
}
