//! Google: Secret Manager, the metadata server and the token endpoint, each as far as a client can see.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::key;
use crate::server::{Answer, Received, Server, answer};
use crate::world::World;

pub(crate) const ACCOUNT: &str = "tollgate@p-1.iam.gserviceaccount.com";

pub(crate) struct Google {
    pub(crate) server: Server,
    state: Arc<Mutex<State>>,
}

pub(crate) struct State {
    world: World,
    /// Payloads by resource name, versions and all.
    pub(crate) secrets: HashMap<String, Vec<u8>>,
    /// What is added to the checksum.
    pub(crate) damage: u32,
    /// Leaves the checksum away, as it is for versions that were added without one.
    pub(crate) without_checksum: bool,
    /// Refuses each access with this status, code and text.
    pub(crate) refuses: Option<(u16, &'static str, &'static str)>,
    /// Refuses each request for a token with this status and code.
    pub(crate) refuses_tokens: Option<(u16, &'static str)>,
    pub(crate) life: u64,
    pub(crate) tokens: Vec<String>,
    pub(crate) issued: u64,
    pub(crate) accesses: u64,
}

impl Google {
    /// Starts it and points the world to it.
    pub(crate) async fn start(world: &World) -> Self {
        let state = Arc::new(Mutex::new(State {
            world: world.clone(),
            secrets: [("projects/p-1/secrets/s/versions/latest".to_owned(), b"canary-1".to_vec())].into(),
            damage: 0,
            without_checksum: false,
            refuses: None,
            refuses_tokens: None,
            life: 3599,
            tokens: Vec::new(),
            issued: 0,
            accesses: 0,
        }));
        let served = Arc::clone(&state);
        let server = Server::start(move |request| served.lock().unwrap().handle(&request)).await;
        world.set("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", format!("{}/", server.url()));
        world.set("GCE_METADATA_HOST", server.address.to_string());
        Self { server, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn token_uri(&self) -> String {
        format!("{}/token", self.server.url())
    }

    /// The file that the console makes of a service account's key.
    pub(crate) fn key_file(&self) -> Value {
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", key::PRIVATE);
        json!({
            "type": "service_account", "project_id": "p-1", "private_key_id": "0a1b2c3d4e5f",
            "private_key": pem, "client_email": ACCOUNT, "client_id": "104857600000000000000",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": self.token_uri(),
            "universe_domain": "googleapis.com",
        })
    }
}

impl State {
    /// Tokens issued and secrets accessed so far.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.issued, self.accesses)
    }

    fn handle(&mut self, request: &Received) -> Answer {
        if request.path == "/computeMetadata/v1/instance/service-accounts/default/token" {
            assert_eq!(request.method, "GET");
            return self.metadata(request);
        }
        if request.path == "/token" {
            assert_eq!(request.method, "POST");
            return self.grant(request);
        }
        assert_eq!(request.method, "GET");
        self.access(request)
    }

    fn metadata(&mut self, request: &Received) -> Answer {
        let mut response = if request.header("metadata-flavor") != Some("Google") {
            answer(403, "text/html; charset=UTF-8", "<p>Your client does not have permission. canary</p>")
        } else if request.query != "scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform" {
            answer(400, "text/html; charset=UTF-8", "unknown scopes")
        } else {
            self.token()
        };
        response.headers_mut().insert("metadata-flavor", "Google".parse().unwrap());
        response
    }

    /// RFC 7523: the assertion must be signed by the account's key, for this endpoint, and of now.
    fn grant(&mut self, request: &Received) -> Answer {
        assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(request.form("grant_type").unwrap(), "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let assertion = request.form("assertion").unwrap();
        let (message, signature) = assertion.rsplit_once('.').unwrap();
        let public = BASE64_STANDARD.decode(key::PUBLIC).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        if public.verify(message.as_bytes(), &signature).is_err() {
            return oauth_error(400, "invalid_grant");
        }
        let part = |part: &str| -> Value {
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        let (header, claims) = message.split_once('.').unwrap();
        assert_eq!(part(header), json!({ "alg": "RS256", "typ": "JWT", "kid": "0a1b2c3d4e5f" }));
        let claims = part(claims);
        let (issued, ends) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
        let now = self.world.seconds();
        let is_fresh = issued <= now + 60 && now < ends && ends - issued <= 3600;
        let host = request.header("host").unwrap();
        if claims["iss"] != ACCOUNT || claims["aud"] != format!("http://{host}/token") || !is_fresh {
            return oauth_error(400, "invalid_grant");
        }
        assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
        self.token()
    }

    fn token(&mut self) -> Answer {
        if let Some((status, code)) = self.refuses_tokens {
            return oauth_error(status, code);
        }
        self.issued += 1;
        let token = format!("ya29.canary-token-{}", self.issued);
        self.tokens.push(token.clone());
        let body = json!({ "access_token": token, "expires_in": self.life, "token_type": "Bearer" });
        answer(200, "application/json", body.to_string())
    }

    fn access(&mut self, request: &Received) -> Answer {
        self.accesses += 1;
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.tokens.iter().any(|known| known == token)) {
            let text = "Request had invalid authentication credentials. Expected OAuth 2 access token.";
            return error(401, "UNAUTHENTICATED", text);
        }
        if let Some((status, code, text)) = self.refuses {
            return error(status, code, text);
        }
        let name = request.path.strip_prefix("/v1/").unwrap().strip_suffix(":access").unwrap();
        let Some(payload) = self.secrets.get(name) else {
            return error(404, "NOT_FOUND", &format!("Secret [{name}] not found or has no versions."));
        };
        let sum = crc32c_by_table(payload).wrapping_add(self.damage);
        let mut body = json!({
            "name": name.replace("latest", "3"),
            "payload": { "data": BASE64_STANDARD.encode(payload), "dataCrc32c": sum.to_string() },
        });
        if self.without_checksum {
            body["payload"].as_object_mut().unwrap().remove("dataCrc32c");
        }
        answer(200, "application/json; charset=UTF-8", format!("{body:#}"))
    }
}

fn oauth_error(status: u16, code: &str) -> Answer {
    let body = json!({ "error": code, "error_description": "canary: Invalid JWT Signature." });
    answer(status, "application/json; charset=utf-8", body.to_string())
}

fn error(status: u16, code: &str, text: &str) -> Answer {
    let body = json!({ "error": { "code": status, "message": format!("{text} canary"), "status": code } });
    answer(status, "application/json; charset=UTF-8", body.to_string())
}

/// CRC-32C the other way round from the one under test: a table, and the remainder of each byte.
fn crc32c_by_table(data: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256u32)
        .map(|byte| {
            (0..8).fold(byte, |rest, _| if rest & 1 == 1 { rest >> 1 ^ 0x82f6_3b78 } else { rest >> 1 })
        })
        .collect();
    let sum = data.iter().fold(u32::MAX, |sum, byte| {
        let index = usize::from(sum.to_le_bytes()[0] ^ byte);
        table[index] ^ sum >> 8
    });
    sum ^ u32::MAX
}
