//! The credentials that AWS gives to programs, looked up in the order of its SDKs.

use std::path::Path;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Method, Url};
use serde::{Deserialize, Deserializer};
use tollgate_core::Timestamp;

use super::endpoint::endpoint;
use crate::credential_cache::Gate;
use crate::http::{self, Answer, Http};
use crate::{Environment, Reason, Refusal, Secret, file, payload};

/// The variables with the identity of this process.
pub(super) const VARIABLES: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
];
/// The variables that name files with the identity of this process.
pub(super) const FILES: [&str; 2] = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];

/// How long a token that STS has refused is not tried again, unless its file changes.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// Credentials, as containers and instances get them.
#[derive(Clone, Deserialize)]
pub(super) struct Credentials {
    #[serde(rename = "AccessKeyId")]
    pub(super) id: String,
    #[serde(rename = "SecretAccessKey", deserialize_with = "payload::secret")]
    pub(super) secret: Secret,
    #[serde(rename = "Token", deserialize_with = "token")]
    pub(super) token: Option<Secret>,
    #[serde(rename = "Expiration", deserialize_with = "time")]
    pub(super) until: Timestamp,
}

fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    payload::secret(deserializer).map(Some)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_rfc3339(&text).map(Timestamp::from).map_err(serde::de::Error::custom)
}

/// Returns the credentials and until when to keep them.
pub(super) async fn obtain(
    environment: &Environment,
    http: &Http,
    region: &str,
    gate: &Gate,
) -> Result<(Credentials, Timestamp), Reason> {
    let variable = |name: &str| environment.variable(name);
    if let Some(id) = variable("AWS_ACCESS_KEY_ID") {
        let secret = environment.secret("AWS_SECRET_ACCESS_KEY")?;
        let token = variable("AWS_SESSION_TOKEN").map(Secret::from);
        // Not cached, because a variable is read just as fast.
        let until = Timestamp::from_seconds(0);
        return Ok((Credentials { id, secret, token, until }, until));
    }
    if variable("AWS_PROFILE").is_some() {
        return Err(Reason::Unsupported(
            "AWS_PROFILE is set, and profiles and SSO are not supported: unset it, or start with the output of \
             `aws configure export-credentials --format env`",
        ));
    }
    let issued = if let Some(path) = variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
        let (with, now) = (environment.mark(&VARIABLES, &FILES).await, environment.reading());
        let asking = by_web_identity(environment, http, region, Path::new(&path));
        gate.pass(with, now, |_| AFTER_REFUSAL, asking).await?
    } else if let Some(address) = container(environment)? {
        by_container(environment, http, address).await?
    } else if variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(Reason::Setting {
            name: "AWS_ACCESS_KEY_ID".to_owned(),
            problem: "is not set, nor is anything else that gives credentials: set it with AWS_SECRET_ACCESS_KEY",
        });
    } else {
        by_instance(environment, http).await?
    };
    let until = issued.until.before(Duration::from_secs(300));
    Ok((issued, until))
}

async fn by_web_identity(
    environment: &Environment,
    http: &Http,
    region: &str,
    path: &Path,
) -> Result<Credentials, Reason> {
    let role = environment
        .required("AWS_ROLE_ARN", "is not set: set it to the role of AWS_WEB_IDENTITY_TOKEN_FILE")?;
    let token = payload::pick(&file::read(path, file::Sharing::WorldReadable).await?, None)?;
    let session = environment.variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "tollgate".to_owned());
    let url = endpoint(environment, "AWS_ENDPOINT_URL_STS", "sts", region)?;
    let request = http.request(Method::POST, url)?.form(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", &role),
        ("RoleSessionName", &session),
        ("WebIdentityToken", token.expose_secret()),
    ]);
    let answer = http::send(request).await?;
    let text = answer.text().unwrap_or_default();
    if answer.status != 200 {
        let refusal = match element(text, "Code") {
            Some("IDPCommunicationError") => Refusal::Unavailable,
            _ if answer.refusal() == Refusal::Unavailable => Refusal::Unavailable,
            _ => Refusal::Denied,
        };
        let advice =
            "STS doesn't give the role: check AWS_ROLE_ARN, its trust policy and the age of the token";
        return Err(answer.refused(refusal, element(text, "Code"), advice));
    }
    let issued = || {
        Some(Credentials {
            id: element(text, "AccessKeyId")?.to_owned(),
            secret: Secret::from(element(text, "SecretAccessKey")?.to_owned()),
            token: Some(Secret::from(element(text, "SessionToken")?.to_owned())),
            until: humantime::parse_rfc3339(element(text, "Expiration")?).ok()?.into(),
        })
    };
    issued().ok_or(Reason::Unexpected("the answer is not one of STS: check AWS_ENDPOINT_URL_STS"))
}

/// Returns the text of an XML element. The elements of STS that are needed occur once and contain nothing that XML escapes.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.trim())
}

/// Returns the endpoint for credentials in a container (ECS, EKS Pod Identity, Greengrass).
fn container(environment: &Environment) -> Result<Option<Url>, Reason> {
    const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    match (environment.variable(RELATIVE), environment.variable(FULL)) {
        (Some(path), _) => http::address(RELATIVE, &format!("http://169.254.170.2{path}")).map(Some),
        (None, Some(address)) => http::address(FULL, &address).map(Some),
        (None, None) => Ok(None),
    }
}

async fn by_container(environment: &Environment, http: &Http, address: Url) -> Result<Credentials, Reason> {
    let mut request = http.request(Method::GET, address)?;
    let token = match environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(path) => {
            Some(payload::pick(&file::read(Path::new(&path), file::Sharing::WorldReadable).await?, None)?)
        }
        None => environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::from),
    };
    if let Some(token) = token {
        request = request.header("authorization", http::sensitive(token.expose_secret())?);
    }
    issued(
        &http::send(request).await?,
        "the container's credentials endpoint refuses: check the task's or the pod's role",
    )
}

/// Obtains credentials by `IMDSv2`: requires a session token first, so that a server that was tricked into a request can't get any.
async fn by_instance(environment: &Environment, http: &Http) -> Result<Credentials, Reason> {
    const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
    const ADVICE: &str =
        "the instance metadata service refuses: attach a role to the instance, or set AWS_ACCESS_KEY_ID";
    let host = environment.variable(ENDPOINT).unwrap_or_else(|| "http://169.254.169.254".to_owned());
    let address =
        |path: &str| http::address(ENDPOINT, &format!("{}/latest/{path}", host.trim_end_matches('/')));

    let request = http.request(Method::PUT, address("api/token")?)?;
    let session = http::send(request.header("x-aws-ec2-metadata-token-ttl-seconds", "60")).await?;
    let token: HeaderValue = http::sensitive(text(&session, ADVICE)?)?;
    let ask = async |path: &str| {
        let request = http.request(Method::GET, address(path)?)?;
        http::send(request.header("x-aws-ec2-metadata-token", token.clone())).await
    };
    let role = ask("meta-data/iam/security-credentials/").await?;
    let role = text(&role, ADVICE)?;
    issued(&ask(&format!("meta-data/iam/security-credentials/{role}")).await?, ADVICE)
}

fn text<'a>(answer: &'a Answer, advice: &'static str) -> Result<&'a str, Reason> {
    match answer.text().and_then(|text| text.lines().next()) {
        Some(text) if answer.status == 200 => Ok(text.trim()),
        _ => Err(answer.refused(answer.refusal(), None, advice)),
    }
}

fn issued(answer: &Answer, advice: &'static str) -> Result<Credentials, Reason> {
    if answer.status != 200 {
        return Err(answer.refused(answer.refusal(), None, advice));
    }
    answer.json().ok_or(Reason::Unexpected("the answer has no credentials: check the machine's role"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::environment;

    #[test]
    fn a_relative_address_of_a_container_can_leave_neither_its_host_nor_its_scheme() {
        let address = |path: &str| {
            let environment = environment(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", path)]);
            container(&environment).ok().flatten().map(|url| url.to_string())
        };
        assert_eq!(address("/v2/credentials/1").unwrap(), "http://169.254.170.2/v2/credentials/1");
        let http = Http::new();
        for elsewhere in ["@evil.example/", ".evil.example/", "9.evil.example:80/"] {
            let refused = address(elsewhere).is_none_or(|url| {
                matches!(http.request(Method::GET, url.parse().unwrap()), Err(Reason::Insecure { .. }))
            });
            assert!(refused, "{elsewhere}");
        }
    }
}
