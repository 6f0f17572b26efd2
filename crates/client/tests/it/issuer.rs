//! An authority behind HTTP that knows one client, and can be told to behave otherwise.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tollgate_client::{ClientCredentials, Dialect, Secret, SecretError, SecretSource};

use crate::server::{Reply, Seen, Server};

/// A value in memory that can be replaced, as the environment or a secret store would hold it.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Mutex<(String, usize)>>);

impl Kept {
    pub(crate) fn new(value: &str) -> Self {
        Self(Arc::new(Mutex::new((value.to_owned(), 0))))
    }

    pub(crate) fn set(&self, value: &str) {
        value.clone_into(&mut self.0.lock().unwrap().0);
    }

    /// How often it was read.
    pub(crate) fn reads(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl SecretSource for Kept {
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>> {
        let mut kept = self.0.lock().unwrap();
        kept.1 += 1;
        let value = kept.0.clone();
        Box::pin(async move { Ok(Secret::from(value)) })
    }
}

/// What the authority knows.
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) secret: String,
    /// The refresh token that is accepted.
    pub(crate) refresh_token: Option<String>,
    /// Tokens that were granted, by grant.
    pub(crate) by_secret: usize,
    pub(crate) by_refresh: usize,
}

/// An authority, with both faces.
pub(crate) struct Issuer {
    pub(crate) server: Server,
    pub(crate) known: Arc<Mutex<Known>>,
    pub(crate) id: Kept,
    pub(crate) secret: Kept,
}

impl Issuer {
    /// Knows the client `client` with the secret `secret-1`.
    pub(crate) fn start() -> Self {
        let known = Arc::new(Mutex::new(Known {
            id: "client".to_owned(),
            secret: "secret-1".to_owned(),
            refresh_token: None,
            by_secret: 0,
            by_refresh: 0,
        }));
        let inner = known.clone();
        let server = Server::start(move |seen| inner.lock().unwrap().answer(seen));
        Self { server, known, id: Kept::new("client"), secret: Kept::new("secret-1") }
    }

    /// Client credentials on the Payment API dialect.
    pub(crate) fn credentials(&self) -> ClientCredentials {
        self.credentials_on(Dialect::payment_api(&self.server.url()).unwrap())
    }

    pub(crate) fn credentials_on(&self, dialect: Dialect) -> ClientCredentials {
        ClientCredentials::builder(dialect, self.id.clone(), self.secret.clone()).build().unwrap()
    }

    /// How many tokens were granted by the secret and by a refresh token.
    pub(crate) fn granted(&self) -> (usize, usize) {
        let known = self.known.lock().unwrap();
        (known.by_secret, known.by_refresh)
    }

    /// Accepts another secret from now on, and no old refresh token.
    pub(crate) fn rotate(&self, secret: &str) {
        let mut known = self.known.lock().unwrap();
        secret.clone_into(&mut known.secret);
        known.refresh_token = None;
    }
}

impl Known {
    fn answer(&mut self, seen: &Seen) -> Reply {
        match seen.target.as_str() {
            "POST /api/v1/oauth2/token" => self.token(&serde_json::from_str(&seen.body).unwrap()),
            "POST /api/v1/oauth2/refresh" => self.refresh(&serde_json::from_str(&seen.body).unwrap()),
            "POST /oauth2/token" => self.standard(seen),
            _ => Reply::json(404, r#"{"success":false,"error":{"code":"NOT_FOUND","message":"no"}}"#),
        }
    }

    fn token(&mut self, body: &serde_json::Value) -> Reply {
        assert_eq!(body["grant_type"], "client_credentials");
        if body["client_id"] != self.id.as_str() || body["client_secret"] != self.secret.as_str() {
            return Reply::json(401, r#"{"success":false,"error":{"code":"INVALID_CLIENT","message":"no"}}"#);
        }
        let (access, refresh) = self.grant();
        Reply::json(
            200,
            &format!(
                r#"{{"success":true,"data":{{"access_token":"{access}","refresh_token":"{refresh}","token_type":"Bearer","expires_in":900}}}}"#
            ),
        )
    }

    fn refresh(&mut self, body: &serde_json::Value) -> Reply {
        assert_eq!(body.as_object().unwrap().len(), 1, "the refresh request carries nothing else: {body}");
        if self.refresh_token.as_deref() != body["refresh_token"].as_str() {
            return Reply::json(401, r#"{"success":false,"error":{"code":"INVALID_TOKEN","message":"no"}}"#);
        }
        self.by_refresh += 1;
        let access = format!("access-r{}", self.by_refresh);
        Reply::json(
            200,
            &format!(
                r#"{{"success":true,"data":{{"access_token":"{access}","token_type":"Bearer","expires_in":900}}}}"#
            ),
        )
    }

    fn grant(&mut self) -> (String, String) {
        self.by_secret += 1;
        let refresh = format!("refresh-{}", self.by_secret);
        self.refresh_token = Some(refresh.clone());
        (format!("access-s{}", self.by_secret), refresh)
    }

    /// RFC 6749 §4.4 and §6, the client by Basic or in the body.
    fn standard(&mut self, seen: &Seen) -> Reply {
        let form: Vec<(String, String)> = form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect();
        let field = |name: &str| form.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        let client = match seen.header("authorization") {
            Some(basic) => decoded(basic),
            None => field("client_id").zip(field("client_secret")),
        };
        if client != Some((self.id.clone(), self.secret.clone())) {
            return Reply::json(401, r#"{"error":"invalid_client","error_description":"no"}"#);
        }
        let (access, refresh) = match field("grant_type").as_deref() {
            Some("client_credentials") => self.grant(),
            Some("refresh_token") if field("refresh_token") == self.refresh_token => {
                self.by_refresh += 1;
                (format!("access-r{}", self.by_refresh), self.refresh_token.clone().unwrap())
            }
            _ => return Reply::json(400, r#"{"error":"invalid_grant"}"#),
        };
        Reply::json(
            200,
            &format!(
                r#"{{"access_token":"{access}","refresh_token":"{refresh}","token_type":"bearer","expires_in":"900"}}"#
            ),
        )
    }
}

/// Id and secret of a Basic header, form-decoded as RFC 6749 §2.3.1 has them encoded.
fn decoded(basic: &str) -> Option<(String, String)> {
    let pair = STANDARD.decode(basic.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decode =
        |text: &str| form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned());
    Some((decode(id)?, decode(secret)?))
}
