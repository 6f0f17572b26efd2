//! Vault with KV version 2 and `AppRole`: what it checks, in its order, and what it says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::server::{Answer, Received, Server, answer};

pub(crate) const ROOT: &str = "hvs.canary-root-token";
pub(crate) const ROLE: &str = "db02de05-fa39-4855-059b-67221c5c2f63";

pub(crate) struct Vault {
    pub(crate) server: Server,
    state: Arc<Mutex<State>>,
}

pub(crate) struct State {
    /// Fields of the latest version, by mount and path.
    pub(crate) secrets: HashMap<(String, String), Value>,
    /// What became of the latest version of every secret: `deleted` or `destroyed`.
    pub(crate) fate: &'static str,
    /// Answers everything with this status, as a sealed, standby or limited node does.
    pub(crate) out_of_service: Option<u16>,
    pub(crate) namespace: Option<&'static str>,
    pub(crate) approle_mount: &'static str,
    pub(crate) secret_id: String,
    pub(crate) lease: u64,
    pub(crate) tokens: Vec<String>,
    /// Whether the policy of the role lets its tokens read.
    pub(crate) policy: bool,
    pub(crate) logins: u64,
    pub(crate) reads: u64,
    /// Logins that failed since the last that went well. Five of them lock the role.
    pub(crate) failed_logins: u64,
    /// Which token was renewed, each time, and which was looked at.
    pub(crate) renewed: Vec<String>,
    pub(crate) looked_at: Vec<String>,
}

impl Vault {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::new()));
        let served = Arc::clone(&state);
        let server = Server::start(move |request| served.lock().unwrap().handle(&request)).await;
        Self { server, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    pub(crate) fn new() -> Self {
        let secrets = [
            (
                ("secret".to_owned(), "tollgate".to_owned()),
                json!({ "client_secret": "canary-1", "port": 5432, "nothing": null }),
            ),
            (("team/kv".to_owned(), "a b/c%41?d".to_owned()), json!({ "x": "canary-2\n" })),
        ];
        Self {
            secrets: secrets.into(),
            fate: "",
            out_of_service: None,
            namespace: None,
            approle_mount: "approle",
            secret_id: "canary-secret-id-1".to_owned(),
            lease: 3600,
            tokens: vec![ROOT.to_owned()],
            policy: true,
            logins: 0,
            reads: 0,
            failed_logins: 0,
            renewed: Vec::new(),
            looked_at: Vec::new(),
        }
    }

    /// Logins and readings so far.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.logins, self.reads)
    }

    pub(crate) fn handle(&mut self, request: &Received) -> Answer {
        // As an agent with `require_request_header` and a server with a namespace do.
        if request.header("x-vault-request") != Some("true") {
            return errors(412, &["missing 'X-Vault-Request' header"]);
        }
        if let Some(status) = self.out_of_service {
            return match status {
                503 => errors(503, &["Vault is sealed"]),
                307 => {
                    let mut redirect = answer(307, "text/plain", "");
                    redirect.headers_mut().insert("location", "http://127.0.0.1:1/v1/".parse().unwrap());
                    redirect
                }
                status => errors(status, &["canary in an error"]),
            };
        }
        if request.header("x-vault-namespace") != self.namespace {
            return errors(403, &["permission denied"]);
        }
        let path = request.path.strip_prefix("/v1/").expect("the API is under /v1/");
        let path = percent_decode_str(path).decode_utf8().unwrap();
        if *path == format!("auth/{}/login", self.approle_mount) {
            assert_eq!(request.method, "POST");
            return self.log_in(&serde_json::from_slice(&request.body).unwrap());
        }
        let token = request.header("x-vault-token").unwrap_or_default();
        if path.starts_with("auth/token/") {
            return self.token(request, &path, token);
        }
        if request.method == "GET" {
            self.reads += 1;
        }
        if !self.tokens.iter().any(|known| known == token) {
            return errors(403, &["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]);
        }
        if token != ROOT && !self.policy {
            return errors(403, &["1 error occurred:\n\t* permission denied\n\n"]);
        }
        match request.method.as_str() {
            "GET" => self.read(&path),
            "POST" => self.write(&path, &serde_json::from_slice(&request.body).unwrap()),
            method => panic!("no {method} is needed"),
        }
    }

    /// As KV version 2 does with `cas`: the version that must be the latest, 0 for none.
    fn write(&mut self, path: &str, body: &Value) -> Answer {
        let Some((mount, name)) = path.split_once("/data/").filter(|(mount, _)| *mount != "nowhere") else {
            return errors(404, &[&format!("no handler for route \"{path}\". route entry not found.")]);
        };
        let at = (mount.to_owned(), name.to_owned());
        assert_eq!(body["options"], json!({ "cas": 0 }));
        if self.secrets.contains_key(&at) {
            return errors(400, &["check-and-set parameter did not match the current version"]);
        }
        self.secrets.insert(at, body["data"].clone());
        json(200, &json!({ "data": { "created_time": "2026-11-24T15:40:00.123456789Z", "version": 1 } }))
    }

    /// What a token may ask about itself.
    fn token(&mut self, request: &Received, path: &str, token: &str) -> Answer {
        if !self.tokens.iter().any(|known| known == token) {
            return errors(403, &["permission denied"]);
        }
        match (request.method.as_str(), path) {
            ("GET", "auth/token/lookup-self") => {
                self.looked_at.push(token.to_owned());
                json(
                    200,
                    &json!({ "data": { "id": token, "ttl": self.lease, "renewable": true }, "auth": null }),
                )
            }
            ("POST", "auth/token/renew-self") => {
                self.renewed.push(token.to_owned());
                let auth = json!({ "client_token": token, "lease_duration": self.lease, "renewable": true });
                json(200, &json!({ "data": null, "auth": auth }))
            }
            _ => errors(405, &["unsupported operation"]),
        }
    }

    fn log_in(&mut self, body: &Value) -> Answer {
        self.logins += 1;
        if self.failed_logins >= 5 {
            return errors(403, &["permission denied"]);
        }
        if body["role_id"] != ROLE || body["secret_id"] != self.secret_id {
            self.failed_logins += 1;
            return errors(400, &["invalid role or secret ID"]);
        }
        self.failed_logins = 0;
        let token = format!("hvs.canary-token-{}", self.logins);
        self.tokens.push(token.clone());
        json(
            200,
            &json!({
                "request_id": "7f2b3c1e-0d2f-4b6e-9a55-2f0f5b1b9f10",
                "lease_id": "", "renewable": false, "lease_duration": 0,
                "data": null, "wrap_info": null, "warnings": null,
                "auth": {
                    "client_token": token, "accessor": "canary-accessor",
                    "policies": ["default", "tollgate"], "token_policies": ["default", "tollgate"],
                    "metadata": { "role_name": "tollgate" },
                    "lease_duration": self.lease, "renewable": true, "entity_id": "ad1c2b3d",
                    "token_type": "service", "orphan": true, "mfa_requirement": null, "num_uses": 0,
                },
                "mount_type": "",
            }),
        )
    }

    fn read(&self, path: &str) -> Answer {
        let Some(((mount, _), _)) =
            self.secrets.iter().find(|((mount, _), _)| path.starts_with(&format!("{mount}/")))
        else {
            return errors(404, &[&format!("no handler for route \"{path}\". route entry not found.")]);
        };
        let name = path[mount.len()..].strip_prefix("/data/").expect("KV version 2 reads under data/");
        let Some(fields) = self.secrets.get(&(mount.clone(), name.to_owned())) else {
            return errors(404, &[]);
        };
        let gone = !self.fate.is_empty();
        let deletion_time = if self.fate == "deleted" { "2026-11-24T15:45:00.057772212Z" } else { "" };
        json(
            if gone { 404 } else { 200 },
            &json!({
                "request_id": "0e8b4c3a-6a86-4d6e-8a52-7f7f5a5c1f8e",
                "lease_id": "", "renewable": false, "lease_duration": 0,
                "data": {
                    "data": if gone { &Value::Null } else { fields },
                    "metadata": {
                        "created_time": "2026-11-24T15:40:00.123456789Z", "custom_metadata": null,
                        "deletion_time": deletion_time, "destroyed": self.fate == "destroyed", "version": 3,
                    },
                },
                "wrap_info": null, "warnings": null, "auth": null, "mount_type": "kv",
            }),
        )
    }
}

fn json(status: u16, body: &Value) -> Answer {
    answer(status, "application/json", body.to_string())
}

fn errors(status: u16, errors: &[&str]) -> Answer {
    json(status, &json!({ "errors": errors }))
}
