//! Against an authority that others wrote, by the letter of RFC 6749: `oidc-provider`, on node.
//!
//! It issues no refresh token with client credentials (RFC 6749 §4.4.3), so each token is obtained with the secret.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tollgate_client::{
    Cached, ClientAuthentication, ClientCredentials, Clock, Dialect, Environment, ObtainError, Reference,
    Settings, State, SystemClock, Token, TokenSource, http_client_builder,
};

/// With every character that form encoding changes.
const SECRET: &str = "s%2Bcret +&=:/?#";

/// The authority. It ends when this is dropped.
struct Authority {
    node: Child,
    url: String,
}

impl Authority {
    fn start() -> Self {
        let mut node = Command::new("node")
            .arg("authority.mjs")
            .current_dir(installed())
            .env("CLIENT_SECRET", SECRET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node can be run: scripts/test installs it");
        let mut url = String::new();
        BufReader::new(node.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "the authority did not start: {url}");
        Self { node, url: url.trim_end().to_owned() }
    }

    fn client(&self, id: &str, secret: &str, authentication: ClientAuthentication) -> ClientCredentials {
        self.client_for("payments:read", id, secret, authentication)
    }

    fn client_for(
        &self,
        scope: &str,
        id: &str,
        secret: &str,
        authentication: ClientAuthentication,
    ) -> ClientCredentials {
        let dialect = Dialect::standard(&format!("{}/token", self.url), authentication).unwrap();
        let plain = |text| Reference::parse(text).unwrap().open(Environment::process()).unwrap();
        ClientCredentials::builder(dialect, plain(id), plain(secret)).scope(scope).build().unwrap()
    }

    /// What it says of a token (RFC 7662).
    async fn introspect(&self, token: &str) -> Value {
        let client = http_client_builder(&self.url).unwrap().build().unwrap();
        let form = [("token", token), ("client_id", "shop"), ("client_secret", SECRET)];
        let url = format!("{}/token/introspection", self.url);
        let answer = client.post(url).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // It fails only if the process has ended already.
        let _ = self.node.kill();
        self.node.wait().unwrap();
    }
}

/// Where it is installed: once for all tests.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/oidc");
    INSTALLED.get_or_init(|| {
        let install = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc/install");
        let status = Command::new(install).arg(FOLDER).status().unwrap();
        assert!(status.success(), "npm can install it: scripts/test installs npm");
    });
    Path::new(FOLDER)
}

async fn obtain(credentials: &ClientCredentials) -> Result<Token, ObtainError> {
    credentials.obtain(&SystemClock::new()).await
}

#[tokio::test]
async fn a_client_authenticates_by_basic_and_in_the_body() {
    let authority = Authority::start();
    for authentication in [ClientAuthentication::Basic, ClientAuthentication::Post] {
        let credentials = authority.client("shop", SECRET, authentication);
        let (first, second) = (obtain(&credentials).await.unwrap(), obtain(&credentials).await.unwrap());
        assert_eq!(first.lifetime(), Duration::from_secs(600));
        assert_ne!(first.expose_token(), second.expose_token());
        let known = authority.introspect(second.expose_token()).await;
        assert_eq!((&known["active"], &known["client_id"]), (&true.into(), &"shop".into()), "{known}");
        assert_eq!(known["scope"], "payments:read");
    }
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_client_are_refusals_of_the_client() {
    let authority = Authority::start();
    for authentication in [ClientAuthentication::Basic, ClientAuthentication::Post] {
        for (id, secret) in [("shop", "wrong-secret"), ("nobody", SECRET)] {
            let error = obtain(&authority.client(id, secret, authentication)).await.err().unwrap();
            let ObtainError::RefusedClient(refusal) = &error else { panic!("{error}") };
            assert_eq!((refusal.status, refusal.code), (401, Some("invalid_client")));
            assert!(!error.to_string().contains(secret), "{error}");
        }
    }
}

#[tokio::test]
async fn asking_for_what_the_client_may_not_have_is_a_refusal_too() {
    let authority = Authority::start();
    let credentials = authority.client_for("payments:write", "shop", SECRET, ClientAuthentication::Basic);
    let error = obtain(&credentials).await.err().unwrap();
    let ObtainError::RefusedClient(refusal) = &error else { panic!("{error}") };
    assert_eq!((refusal.status, refusal.code), (400, Some("invalid_scope")));
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let authority = Authority::start();
    let credentials = authority.client("short-lived", SECRET, ClientAuthentication::Basic);
    let clock = SystemClock::new();
    let cached = Cached::new(credentials, Settings::default());
    let first = cached.ready().await.unwrap();
    let ends = clock.now().after(Duration::from_secs(4));
    let second = cached.after(first.generation()).await;
    assert!(clock.now().is_before(ends), "the first could still be used");
    assert_eq!(cached.state(), State::Holding);
    let known = authority.introspect(second.expose_token()).await;
    assert_eq!(known["active"], true, "{known}");
}
