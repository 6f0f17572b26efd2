//! An OpenID provider that does what it is told, and keeps its rules otherwise: a code is good once, for one client, one redirect URI
//! and one verifier.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tollgate_console::oidc::{Access, Calls};
use tollgate_core::{Algorithm, Jwk};
use tollgate_keys::{PrivateKey, RsaBits};
use tower::{BoxError, service_fn};
use zeroize::Zeroizing;

pub(super) const ISSUER: &str = "https://login.example.com";
pub(super) const CLIENT: &str = "tollgate console";
/// With characters that form encoding changes.
pub(super) const SECRET: &str = "s%2B ecret:&=";
pub(super) const REDIRECT_URI: &str = "http://127.0.0.1:8080/console/sign-in/oidc/callback";
pub(super) const ACCESS_TOKEN: &str = "the-access-token";

/// A key of the provider.
pub(super) struct Key {
    pub(super) id: &'static str,
    algorithm: Algorithm,
    private: PrivateKey,
}

impl Key {
    pub(super) fn new(id: &'static str, algorithm: Algorithm) -> Arc<Self> {
        let private = PrivateKey::generate(algorithm, RsaBits::Bits2048).unwrap();
        Arc::new(Self { id, algorithm, private })
    }

    /// What is published of it.
    pub(super) fn public(&self) -> Value {
        serde_json::to_value(Jwk::of(self.private.public_key(), self.id.to_owned())).unwrap()
    }

    /// Signs claims, naming this key.
    pub(super) fn sign(&self, claims: &Value) -> String {
        self.sign_as(Some(self.id), claims)
    }

    /// Signs claims, naming any key or none.
    pub(super) fn sign_as(&self, id: Option<&str>, claims: &Value) -> String {
        let document = self.private.to_pkcs8().unwrap();
        let (algorithm, key) = match self.algorithm {
            Algorithm::Es256 => (jsonwebtoken::Algorithm::ES256, EncodingKey::from_ec_der(&document)),
            Algorithm::EdDsa => (jsonwebtoken::Algorithm::EdDSA, EncodingKey::from_ed_der(&document)),
            // PKCS#8 puts 26 bytes around a key of RSA with 2,048 bits.
            Algorithm::Ps256 => (jsonwebtoken::Algorithm::PS256, EncodingKey::from_rsa_der(&document[26..])),
            Algorithm::Rs256 => (jsonwebtoken::Algorithm::RS256, EncodingKey::from_rsa_der(&document[26..])),
            Algorithm::Hs256 => panic!("a provider has public keys"),
        };
        let header = Header { kid: id.map(str::to_owned), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }
}

/// A token by its parts, whoever made its signature.
pub(super) fn assembled(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode(signature))
}

/// Makes an ID token of its claims.
pub(super) type Sign = Box<dyn Fn(Value) -> String + Send>;

/// What the provider was asked.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    pub(super) form: BTreeMap<String, String>,
}

/// What the provider says and does.
pub(super) struct Script {
    pub(super) discovery: Value,
    pub(super) keys: Value,
    /// The user who is signed in there: claims beside those that every ID token has.
    pub(super) user: Value,
    /// The time by the provider's clock, in seconds.
    pub(super) now: u64,
    /// Makes an ID token of its claims.
    pub(super) sign: Sign,
    /// What is answered at a path instead; `None` is no answer at all.
    pub(super) instead: BTreeMap<&'static str, Option<(u16, Vec<u8>)>>,
    /// Whether a code can be used again.
    pub(super) forgets_codes: bool,
    pub(super) secret: Result<String, String>,
    pub(super) asked: Vec<Asked>,
    codes: BTreeMap<String, Authorization>,
    /// Every token and code that there was.
    pub(super) secrets: Vec<String>,
}

#[derive(Clone)]
struct Authorization {
    nonce: String,
    challenge: String,
}

/// The provider.
#[derive(Clone)]
pub(super) struct Scripted(Arc<Mutex<Script>>);

impl Scripted {
    /// A provider with one key, at which ada is signed in, who is in the group `ops`.
    pub(super) fn new(key: &Arc<Key>, now: u64) -> Self {
        let signing = key.clone();
        Self(Arc::new(Mutex::new(Script {
            discovery: json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("{ISSUER}/authorize?tenant=1"),
                "token_endpoint": format!("{ISSUER}/token"),
                "jwks_uri": format!("{ISSUER}/keys"),
                "response_types_supported": ["code"],
                "authorization_response_iss_parameter_supported": true,
                "code_challenge_methods_supported": ["plain", "S256"],
            }),
            keys: json!({ "keys": [{ "kty": "unheard-of", "kid": "x" }, key.public()] }),
            user: json!({ "sub": "1234", "email": "ada@example.com", "email_verified": true, "groups": ["staff", "ops"] }),
            now,
            sign: Box::new(move |claims| signing.sign(&claims)),
            instead: BTreeMap::new(),
            forgets_codes: false,
            secret: Ok(format!("{SECRET}\n")),
            asked: Vec::new(),
            codes: BTreeMap::new(),
            secrets: vec![SECRET.to_owned(), ACCESS_TOKEN.to_owned()],
        })))
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    /// How the server asks it.
    pub(super) fn access(&self) -> Access {
        let (asked, secret) = (self.clone(), self.clone());
        let answer = move |request: Request<Bytes>| {
            let asked = asked.clone();
            async move { asked.answer(request).await }
        };
        let secret = move || secret.script().secret.clone().map(Zeroizing::new);
        Access { calls: Calls::new(service_fn(answer)), secret: Box::new(secret) }
    }

    /// Signs the user in, and returns where the browser is sent back to: the query.
    pub(super) fn authorize(&self, url: &str) -> String {
        let (endpoint, query) = url.split_once('?').unwrap();
        assert_eq!(endpoint, format!("{ISSUER}/authorize"));
        let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let parameter = |name: &str| query[name].clone();
        assert_eq!(parameter("tenant"), "1");
        assert_eq!([parameter("response_type"), parameter("client_id")], ["code", CLIENT]);
        assert_eq!(parameter("redirect_uri"), REDIRECT_URI);
        assert_eq!(parameter("scope"), "openid profile email");
        assert_eq!(parameter("code_challenge_method"), "S256");
        let mut script = self.script();
        let code = format!("code-{}", script.secrets.len());
        let authorization =
            Authorization { nonce: parameter("nonce"), challenge: parameter("code_challenge") };
        script.codes.insert(code.clone(), authorization);
        script.secrets.extend([code.clone(), parameter("state")]);
        super::encoded(&[("code", code.as_str()), ("state", &parameter("state")), ("iss", ISSUER)])
    }

    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
        let path = request.uri().path().to_owned();
        assert!(request.uri().to_string().starts_with(&format!("{ISSUER}/")), "{}", request.uri());
        let authorization = request.headers().get("authorization");
        let asked = Asked {
            path: path.clone(),
            authorization: authorization.map(|header| header.to_str().unwrap().to_owned()),
            form: form_urlencoded::parse(request.body()).into_owned().collect(),
        };
        self.script().asked.push(asked.clone());
        let instead = self.script().instead.get(path.as_str()).cloned();
        let (status, body) = match instead {
            Some(None) => pending().await,
            Some(Some(answer)) => answer,
            None => self.script().answer(&asked),
        };
        Ok(Response::builder().status(status).body(body.into()).unwrap())
    }
}

impl Script {
    fn answer(&mut self, asked: &Asked) -> (u16, Vec<u8>) {
        match asked.path.as_str() {
            "/.well-known/openid-configuration" => (200, self.discovery.to_string().into_bytes()),
            "/keys" => (200, self.keys.to_string().into_bytes()),
            "/token" => match self.tokens(asked) {
                Ok(tokens) => (200, tokens.to_string().into_bytes()),
                Err(error) => (400, json!({ "error": error }).to_string().into_bytes()),
            },
            path => panic!("nobody asks for {path}"),
        }
    }

    fn tokens(&mut self, asked: &Asked) -> Result<Value, &'static str> {
        let form = &asked.form;
        let basic = |text: &str| STANDARD.encode(text);
        let encoded = "tollgate+console:s%252B+ecret%3A%26%3D";
        let by_basic = asked.authorization.as_deref() == Some(&format!("Basic {}", basic(encoded)));
        let by_post = form.get("client_secret").is_some_and(|secret| secret == SECRET);
        if by_basic == by_post {
            return Err("invalid_client");
        }
        let code = form["code"].clone();
        let known =
            if self.forgets_codes { self.codes.get(&code).cloned() } else { self.codes.remove(&code) };
        let Authorization { nonce, challenge } = known.ok_or("invalid_grant")?;
        let verifier = &form["code_verifier"];
        self.secrets.push(verifier.clone());
        if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != challenge
            || form["redirect_uri"] != REDIRECT_URI
        {
            return Err("invalid_grant");
        }
        let mut claims = json!({
            "iss": ISSUER, "aud": CLIENT, "nonce": nonce, "iat": self.now, "exp": self.now + 300,
        });
        for (name, value) in self.user.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let id_token = (self.sign)(claims);
        self.secrets.push(id_token.clone());
        Ok(json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": id_token }))
    }
}
