//! An authority that behaves as a test tells it to, with a clock of its own.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, DATE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Request, Response};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tollgate_client::{Fault, Secret, SecretError, SecretSource, Sending, Transport};
use tollgate_core::{
    Algorithm, Claims, ClientId, Clock, Environment, Generation, Jwk, KeyId, MerchantId, SecretId, Timestamp,
    TokenId, TokenKind, Uptime,
};
use tollgate_keys::{PrivateKey, RsaBits, SigningKey, SigningRing};

pub(super) const ISSUER: &str = "https://core.example.com";
pub(super) const AUDIENCE: &str = "https://ledger.example.com";
pub(super) const CLIENT: ClientId = ClientId::from_bytes([1; 16]);
const START: Timestamp = Timestamp::from_seconds(1_764_000_000);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A clock that advances as tokio's does, and can be set.
#[derive(Clone)]
pub(super) struct SetClock {
    start: Instant,
    ahead_millis: Arc<AtomicI64>,
}

impl SetClock {
    fn new() -> Self {
        Self { start: Instant::now(), ahead_millis: Arc::default() }
    }

    /// Sets the clock this many seconds ahead of where it would be by itself.
    pub(super) fn set_ahead(&self, seconds: i64) {
        self.ahead_millis.store(seconds * 1000, Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        let by_itself = START.after(self.start.elapsed()).millis();
        Timestamp::from_millis(by_itself.saturating_add_signed(self.ahead_millis.load(Relaxed)))
    }

    fn uptime(&self) -> Uptime {
        Uptime { boot: [0; 16], elapsed: self.start.elapsed() }
    }
}

/// An answer in place of a document or the revocations.
#[derive(Clone)]
pub(super) enum Instead {
    Body(String),
    Status(u16),
    Fault(Fault),
    /// No answer at all.
    Hanging,
}

/// A secret that can be replaced.
#[derive(Clone)]
pub(super) struct Kept(pub(super) Arc<Mutex<String>>);

impl Kept {
    pub(super) fn new(text: &str) -> Self {
        Self(Arc::new(Mutex::new(text.to_owned())))
    }
}

impl SecretSource for Kept {
    fn read(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>> {
        let secret = Secret::from(self.0.lock().unwrap().clone());
        Box::pin(async { Ok(secret) })
    }
}

/// The authority of a test. Clones share its state.
#[derive(Clone)]
pub(super) struct Authority {
    pub(super) clock: SetClock,
    script: Arc<Mutex<Script>>,
    log: watch::Sender<usize>,
}

pub(super) struct Script {
    pub(super) metadata: Option<Instead>,
    pub(super) keys: Option<Instead>,
    pub(super) revocations: Option<Instead>,
    pub(super) introspection: Option<Instead>,
    /// The time from when a question about a token is decided until the answer is sent.
    pub(super) introspection_takes: Duration,
    pub(super) max_age: u64,
    pub(super) published: Vec<SigningKey>,
    pub(super) revoked: Vec<Value>,
    pub(super) secret: String,
    pub(super) bad_tokens: Vec<String>,
    pub(super) called: Vec<(String, Instant)>,
}

pub(super) fn key(id: u8) -> SigningKey {
    let private = PrivateKey::generate(Algorithm::Es256, RsaBits::Bits2048).unwrap();
    SigningKey::asymmetric(KeyId::from_bytes([id; 16]), private, Timestamp::from_seconds(0), None)
}

pub(super) fn published(keys: &[SigningKey]) -> Value {
    let jwk = |key: &SigningKey| {
        let key = key.verifying_key();
        serde_json::to_value(Jwk::of(key.public_key().unwrap(), key.id().to_string())).unwrap()
    };
    json!({ "keys": keys.iter().map(jwk).collect::<Vec<_>>() })
}

impl Authority {
    /// Starts the authority with one key.
    pub(super) fn new(key: &SigningKey) -> Self {
        let script = Script {
            metadata: None,
            keys: None,
            revocations: None,
            introspection: None,
            introspection_takes: Duration::ZERO,
            max_age: 300,
            published: vec![key.clone()],
            revoked: Vec::new(),
            secret: "s3cret".to_owned(),
            bad_tokens: Vec::new(),
            called: Vec::new(),
        };
        let (clock, script) = (SetClock::new(), Arc::new(Mutex::new(script)));
        Self { clock, script, log: watch::Sender::new(0) }
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// Answers every document and list in this way from now on.
    pub(super) fn set_all(&self, instead: Option<&Instead>) {
        let mut script = self.script();
        script.metadata = instead.cloned();
        script.keys = instead.cloned();
        script.revocations = instead.cloned();
        script.introspection = instead.cloned();
    }

    /// Adds a revocation.
    pub(super) fn revoke(&self, entry: Value) {
        let mut script = self.script();
        script.revoked.push(entry);
        self.log.send_replace(script.revoked.len());
    }

    pub(super) fn revoke_client(&self) {
        self.revoke(json!({ "kind": "client", "id": CLIENT.to_string(), "before_generation": 1 }));
    }

    /// Returns when a path was called.
    pub(super) fn called(&self, path: &str) -> Vec<Instant> {
        let script = self.script();
        script.called.iter().filter(|(called, _)| called.starts_with(path)).map(|(_, at)| *at).collect()
    }

    async fn answer(self, request: Request<Bytes>) -> Result<Response<Bytes>, Fault> {
        assert_eq!(request.uri().host(), Some("core.example.com"), "nobody else is called");
        let path = request.uri().path().to_owned();
        self.script().called.push((path.clone(), Instant::now()));
        let instead = {
            let script = self.script();
            match &*path {
                "/.well-known/oauth-authorization-server" => script.metadata.clone(),
                "/oauth2/jwks" => script.keys.clone(),
                "/oauth2/revocations" => script.revocations.clone(),
                "/oauth2/introspect" => script.introspection.clone(),
                _ => None,
            }
        };
        match instead {
            Some(Instead::Body(body)) => Ok(self.dated(200, body)),
            Some(Instead::Status(status)) => Ok(self.dated(status, String::new())),
            Some(Instead::Fault(fault)) => Err(fault),
            Some(Instead::Hanging) => std::future::pending().await,
            None => Ok(self.as_it_is(&path, &request).await),
        }
    }

    async fn as_it_is(&self, path: &str, request: &Request<Bytes>) -> Response<Bytes> {
        match path {
            "/.well-known/oauth-authorization-server" => {
                let jwks_uri = format!("{ISSUER}/oauth2/jwks");
                self.dated(200, json!({ "issuer": ISSUER, "jwks_uri": jwks_uri }).to_string())
            }
            "/oauth2/jwks" => self.keys(request.headers()),
            "/oauth2/token" => {
                let token = json!({ "access_token": "guard", "token_type": "Bearer", "expires_in": 900 });
                self.dated(200, token.to_string())
            }
            "/oauth2/revocations" => self.revocations(request).await,
            "/oauth2/introspect" => {
                let answer = self.introspect(request.body());
                let takes = self.script().introspection_takes;
                sleep(takes).await;
                answer
            }
            _ => self.dated(404, String::new()),
        }
    }

    fn dated(&self, status: u16, body: String) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status.try_into().unwrap();
        let date = httpdate::fmt_http_date(self.clock.now().into());
        response.headers_mut().insert(DATE, date.parse().unwrap());
        response
    }

    fn keys(&self, headers: &HeaderMap) -> Response<Bytes> {
        let (body, max_age) = {
            let script = self.script();
            (published(&script.published).to_string(), script.max_age)
        };
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let etag: HeaderValue = format!("\"{}\"", hasher.finish()).parse().unwrap();
        let is_known = headers.get(IF_NONE_MATCH) == Some(&etag);
        let mut response = if is_known { self.dated(304, String::new()) } else { self.dated(200, body) };
        response.headers_mut().insert(ETAG, etag);
        let kept = format!("public, max-age={max_age}");
        response.headers_mut().insert(CACHE_CONTROL, kept.parse().unwrap());
        response
    }

    /// Answers with revocations; positions are numbers of revocations.
    async fn revocations(&self, request: &Request<Bytes>) -> Response<Bytes> {
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer guard");
        let after = request.uri().query().and_then(|query| query.strip_prefix("after="));
        let Some(after) = after.map(|after| after.parse::<usize>().unwrap()) else {
            let script = self.script();
            let all = json!({ "position": script.revoked.len().to_string(), "complete": true, "revocations": script.revoked });
            drop(script);
            return self.dated(200, all.to_string());
        };
        let mut log = self.log.subscribe();
        // In either case, the answer has the revocations so far.
        let _ = timeout(LONGEST_WAIT, log.wait_for(|length| *length > after)).await;
        let news = {
            let script = self.script();
            let (position, news) = (script.revoked.len().to_string(), &script.revoked[after..]);
            json!({ "position": position, "complete": false, "revocations": news }).to_string()
        };
        self.dated(200, news)
    }

    /// Answers that every token is valid, except those that are bad.
    fn introspect(&self, body: &[u8]) -> Response<Bytes> {
        let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let member =
            |name: &str| form.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        let (secret, is_bad) = {
            let script = self.script();
            (script.secret.clone(), script.bad_tokens.contains(&member("token").unwrap()))
        };
        if member("client_secret") != Some(secret) {
            return self.dated(401, String::new());
        }
        let answer = if is_bad {
            json!({ "active": false })
        } else {
            json!({
                "active": true, "token_type": "Bearer", "iss": ISSUER, "aud": AUDIENCE, "scope": "payments:read",
                "client_id": CLIENT.to_string(), "jti": TokenId::from_bytes([2; 16]).to_string(), "env": "live",
                "exp": self.clock.now().seconds() + 900,
            })
        };
        self.dated(200, answer.to_string())
    }
}

impl Transport for Authority {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        Box::pin(self.clone().answer(request))
    }
}

/// Returns a token of live mode that this key signs now.
pub(super) fn token(key: &SigningKey, now: Timestamp) -> String {
    token_of(key, now, Environment::Live)
}

pub(super) fn token_of(key: &SigningKey, now: Timestamp, environment: Environment) -> String {
    let now = Timestamp::from_seconds(now.seconds());
    let claims = Claims {
        issuer: ISSUER,
        subject: CLIENT,
        audience: AUDIENCE,
        issued_at: now,
        expires_at: now.after(Duration::from_secs(900)),
        id: TokenId::from_bytes([2; 16]),
        scope: "payments:read",
        merchant_id: Some(MerchantId::from_bytes([3; 16])),
        environment,
        secret_id: SecretId::from_bytes([4; 16]),
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        made_with: None,
        addresses: None,
    };
    let mut token = Vec::new();
    SigningRing::new(ISSUER, vec![key.clone()])
        .mint(TokenKind::Access, Algorithm::Es256, &claims, now, &mut token)
        .unwrap();
    String::from_utf8(token).unwrap()
}
