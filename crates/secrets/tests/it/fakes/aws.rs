//! AWS: Secrets Manager, STS and what gives credentials to instances and containers, each as far as a client can see.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};
use hyper::header::HeaderName;
use serde_json::{Value, json};
use tollgate_core::Timestamp;

use crate::server::{Answer, Received, Server, answer};
use crate::world::World;

pub(crate) const KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const KEY: &str = "canary/key+of=a/user";
pub(crate) const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/tollgate-AbCdEf";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/tollgate";

pub(crate) struct Aws {
    pub(crate) server: Server,
    state: Arc<Mutex<State>>,
}

pub(crate) struct State {
    world: World,
    /// The region that this is.
    pub(crate) region: &'static str,
    /// What is kept, by name and ARN: `SecretString` or `SecretBinary`.
    pub(crate) secrets: HashMap<String, Value>,
    /// Refuses each reading with this status and code.
    pub(crate) refuses: Option<(u16, &'static str)>,
    /// Secret keys and session tokens, by key id.
    pub(crate) keys: HashMap<String, (String, Option<String>)>,
    pub(crate) issued: u64,
    pub(crate) reads: u64,
    /// What containers must send.
    pub(crate) container_token: String,
    /// What STS takes for a role.
    pub(crate) web_identity: String,
    /// Whether the instance has a role.
    pub(crate) has_role: bool,
    pub(crate) paths: Vec<String>,
}

impl Aws {
    pub(crate) async fn start(world: &World) -> Self {
        let secret = json!({ "SecretString": r#"{"client_secret":"canary-field","port":5432}"# });
        let state = Arc::new(Mutex::new(State {
            world: world.clone(),
            region: "eu-west-1",
            secrets: [
                ("prod/tollgate".to_owned(), secret.clone()),
                (ARN.to_owned(), secret),
                ("plain".to_owned(), json!({ "SecretString": "canary-1\n" })),
                ("binary".to_owned(), json!({ "SecretBinary": "Y2FuYXJ5LWJpbmFyeQ==" })),
            ]
            .into(),
            refuses: None,
            keys: [(KEY_ID.to_owned(), (KEY.to_owned(), None))].into(),
            issued: 0,
            reads: 0,
            container_token: "Basic canary-container-token".to_owned(),
            web_identity: "canary.web.identity".to_owned(),
            has_role: true,
            paths: Vec::new(),
        }));
        let served = Arc::clone(&state);
        let server = Server::start(move |request| served.lock().unwrap().handle(&request)).await;
        world.set("AWS_ENDPOINT_URL", server.url());
        world.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url());
        world.set("AWS_REGION", "eu-west-1");
        Self { server, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    /// Credentials issued and secrets read so far.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.issued, self.reads)
    }

    fn handle(&mut self, request: &Received) -> Answer {
        self.paths.push(format!("{} {}", request.method, request.path));
        match (request.method.as_str(), &*request.path) {
            ("POST", "/") if request.header("x-amz-target").is_some() => self.value(request),
            ("POST", "/") => self.assume_role(request),
            ("GET", "/container") => self.container(request),
            ("PUT", "/latest/api/token") => {
                assert!(
                    request.header("x-aws-ec2-metadata-token-ttl-seconds").unwrap().parse::<u32>().is_ok()
                );
                answer(200, "text/plain", "canary-imds-session")
            }
            ("GET", path) => self.instance(path, request),
            _ => answer(405, "text/plain", ""),
        }
    }

    fn value(&mut self, request: &Received) -> Answer {
        self.reads += 1;
        assert_eq!(request.header("x-amz-target"), Some("secretsmanager.GetSecretValue"));
        assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.1"));
        if let Err(code) = self.authenticate(request) {
            return error(400, code);
        }
        if let Some((status, code)) = self.refuses {
            return error(status, code);
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let id = body["SecretId"].as_str().unwrap();
        let Some(secret) = self.secrets.get(id) else { return error(400, "ResourceNotFoundException") };
        let mut body = json!({
            "ARN": ARN, "Name": "prod/tollgate", "VersionId": "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE",
            "VersionStages": ["AWSCURRENT"], "CreatedDate": 1_523_477_145.713,
        });
        body.as_object_mut().unwrap().extend(secret.as_object().unwrap().clone());
        answer(200, "application/x-amz-json-1.1", body.to_string())
    }

    /// What AWS does with a signature (Signature Version 4), by another library than the code under test.
    fn authenticate(&self, request: &Received) -> Result<(), &'static str> {
        let authorization = request.header("authorization").ok_or("MissingAuthenticationTokenException")?;
        let parts = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("IncompleteSignatureException")?;
        let part = |name: &str| {
            let found = parts.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            found.ok_or("IncompleteSignatureException")
        };
        let (id, scope) = part("Credential")?.split_once('/').ok_or("IncompleteSignatureException")?;
        let (key, session) = self.keys.get(id).ok_or("UnrecognizedClientException")?;
        if request.header("x-amz-security-token") != session.as_deref() {
            return Err("UnrecognizedClientException");
        }
        let date = request.header("x-amz-date").ok_or("IncompleteSignatureException")?;
        let now = self.world.seconds();
        if now.abs_diff(seconds(date)) > 900 {
            return Err("InvalidSignatureException");
        }
        if scope != format!("{}/{}/secretsmanager/aws4_request", &date[..8], self.region) {
            return Err("InvalidSignatureException");
        }
        let names: Vec<&str> = part("SignedHeaders")?.split(';').collect();
        let must = request.headers.keys().map(HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
        if !names.is_sorted()
            || !names.contains(&"host")
            || !must.into_iter().all(|name| names.contains(&name))
        {
            return Err("InvalidSignatureException");
        }
        let message = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", canonical(request, &names));
        let mut derived = format!("AWS4{key}").into_bytes();
        for part in scope.split('/') {
            derived = sign(&derived, part);
        }
        let is_right = part("Signature")? == hex(&sign(&derived, &message));
        is_right.then_some(()).ok_or("InvalidSignatureException")
    }

    fn assume_role(&mut self, request: &Received) -> Answer {
        assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(request.header("authorization"), None, "this call is not signed");
        assert_eq!(request.form("Action").unwrap(), "AssumeRoleWithWebIdentity");
        assert_eq!(request.form("Version").unwrap(), "2011-06-15");
        assert!(request.form("RoleSessionName").unwrap().len() >= 2);
        let code = if request.form("WebIdentityToken").unwrap() != self.web_identity {
            Some((400, "InvalidIdentityToken"))
        } else if request.form("RoleArn").unwrap() != ROLE {
            Some((403, "AccessDenied"))
        } else {
            None
        };
        if let Some((status, code)) = code {
            let body = format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    \
                 <Type>Sender</Type>\n    \
                 <Code>{code}</Code>\n    <Message>canary</Message>\n  </Error>\n  \
                 <RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>\n</ErrorResponse>\n"
            );
            return answer(status, "text/xml", body);
        }
        let (id, key, token, end) = self.issue();
        let body = format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  \
             <AssumeRoleWithWebIdentityResult>\n    <Audience>sts.amazonaws.com</Audience>\n    <AssumedRoleUser>\n      \
             <AssumedRoleId>AROACLKWSDQRAOEXAMPLE:tollgate</AssumedRoleId>\n      <Arn>{ROLE}/tollgate</Arn>\n    \
             </AssumedRoleUser>\n    <Provider>arn:aws:iam::123456789012:oidc-provider/example</Provider>\n    \
             <Credentials>\n      <AccessKeyId>{id}</AccessKeyId>\n      <SecretAccessKey>{key}</SecretAccessKey>\n      \
             <SessionToken>{token}</SessionToken>\n      <Expiration>{end}</Expiration>\n    </Credentials>\n  \
             </AssumeRoleWithWebIdentityResult>\n  <ResponseMetadata>\n    \
             <RequestId>ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE</RequestId>\n  </ResponseMetadata>\n\
             </AssumeRoleWithWebIdentityResponse>\n"
        );
        answer(200, "text/xml", body)
    }

    fn container(&mut self, request: &Received) -> Answer {
        if request.header("authorization") != Some(&self.container_token) {
            return answer(400, "application/json", r#"{"code":"InvalidAuthToken","message":"canary"}"#);
        }
        let (id, key, token, end) = self.issue();
        let body = json!({
            "RoleArn": ROLE, "AccessKeyId": id, "SecretAccessKey": key, "Token": token, "Expiration": end,
        });
        answer(200, "application/json", body.to_string())
    }

    fn instance(&mut self, path: &str, request: &Received) -> Answer {
        if request.header("x-aws-ec2-metadata-token") != Some("canary-imds-session") {
            return answer(401, "text/html", "<title>401 - Unauthorized</title>");
        }
        match path.strip_prefix("/latest/meta-data/iam/security-credentials/") {
            Some("") if self.has_role => answer(200, "text/plain", "tollgate-role"),
            Some("tollgate-role") => {
                let (id, key, token, end) = self.issue();
                let body = json!({
                    "Code": "Success", "LastUpdated": "2026-11-24T16:00:00Z", "Type": "AWS-HMAC",
                    "AccessKeyId": id, "SecretAccessKey": key, "Token": token, "Expiration": end,
                });
                answer(200, "text/plain", format!("{body:#}"))
            }
            _ => answer(404, "text/html", "<title>404 - Not Found</title>"),
        }
    }

    /// New credentials for an hour.
    fn issue(&mut self) -> (String, String, String, String) {
        self.issued += 1;
        let (id, key) = (format!("ASIA{}", self.issued), format!("canary/issued+{}", self.issued));
        let token = format!("IQoJ//canary-session+{}==", self.issued);
        self.keys.insert(id.clone(), (key.clone(), Some(token.clone())));
        let end = Timestamp::from_seconds(self.world.seconds() + 3600);
        (id, key, token, humantime::format_rfc3339_seconds(SystemTime::from(end)).to_string())
    }
}

/// The hash of the request as it came, in the canonical form.
fn canonical(request: &Received, names: &[&str]) -> String {
    let mut lines = vec![request.method.to_string(), request.path.clone(), request.query.clone()];
    lines.extend(
        names.iter().map(|name| format!("{name}:{}", request.header(name).unwrap_or_default().trim())),
    );
    lines.extend([String::new(), names.join(";"), sha256(&request.body)]);
    sha256(lines.join("\n").as_bytes())
}

/// Errors of JSON 1.1 have their code in the body and in the header, there with an address behind it.
fn error(status: u16, code: &str) -> Answer {
    let body =
        json!({ "__type": code, "Message": "canary: Secrets Manager can't find the specified secret." });
    let mut response = answer(status, "application/x-amz-json-1.1", body.to_string());
    if status == 400 {
        let header = format!("{code}:http://internal.amazon.com/coral/com.amazonaws.secretsmanager/");
        response.headers_mut().insert("x-amzn-errortype", header.parse().unwrap());
    }
    response
}

fn seconds(date: &str) -> u64 {
    let (day, time) = date.split_at(8);
    let [year, month, day] = [&day[..4], &day[4..6], &day[6..]];
    let [hour, minute, second] = [&time[1..3], &time[3..5], &time[5..7]];
    let time = humantime::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).unwrap();
    Timestamp::from(time).seconds()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn sign(key: &[u8], message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
