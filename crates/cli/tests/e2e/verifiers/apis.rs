//! APIs in other languages, each in a process of its own, whose libraries verify our tokens by the published keys, or ask.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tollgate_core::{Algorithm, Claims, Environment, Generation, Timestamp, TokenId, TokenKind};
use tollgate_keys::{PrivateKey, RsaBits, SigningKey, SigningRing};

use crate::guarding::tollgate::{Tollgate, claims};
use crate::harness::{PATIENCE, Process, eventually, faketime_library, finish};
use crate::kept::is_left_out;

/// The URL of the API: django-oauth-toolkit admits a token for no other audience.
const AUDIENCE: &str = "http://api.example.com";
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/verifiers");
const INSTALLED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/verifiers");
const HOUR: Duration = Duration::from_secs(3_600);

/// An authority that is far behind in time, so that its clock can be moved on while nobody's runs ahead.
struct Authority {
    tollgate: Tollgate,
    clock: PathBuf,
    env: Vec<(String, String)>,
}

impl Authority {
    fn start(folder: &Path) -> Self {
        let clock = folder.join("clock");
        fs::write(&clock, "-20m").unwrap();
        let library = faketime_library(folder);
        let file = clock.display().to_string();
        let env: Vec<_> = [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("TOLLGATE_TOKENS__ALGORITHM", "ES256"),
            ("TOLLGATE_TOKENS__AUDIENCE", AUDIENCE),
            ("TOLLGATE_TOKENS__ACCESS_TTL", "1h"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let pairs: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Self { tollgate: Tollgate::dev(folder, &pairs), clock, env }
    }

    fn admin(&self, args: &[&str]) -> Value {
        let args = [args, &["--format", "json"]].concat();
        finish(self.tollgate.admin(&args).envs(self.env.clone())).succeeded().json()
    }

    /// Has a new key published, and moves on to when it signs.
    fn rotate(&self) {
        let rotated = self.admin(&["key", "rotate", "--algorithm", "ES256"]);
        fs::write(&self.clock, "-12m").unwrap();
        let new = rotated["key_id"].as_str().unwrap();
        let (id, secret) = &self.tollgate.client;
        // It trusts itself again once it has heard of the store in the new time.
        eventually("the new key signs", PATIENCE, || {
            let answer = self.tollgate.api.token(id, secret);
            let token = (answer.status == 200).then(|| answer.data()["access_token"].take())?;
            (header(token.as_str().unwrap())["kid"] == new).then_some(())
        });
    }

    /// Tokens that are refused, each for one reason, and one that differs from all of them in being good.
    fn bad_and_good(&self) -> (Vec<(&'static str, String)>, String) {
        let (access, refresh) = self.tollgate.tokens();
        let said = claims(&access);
        let good = alike(&said);
        let (keys, foreign) = (self.tollgate.keys(), self.another_key(&access));
        let minted = |keys: &SigningRing, claims: &Claims<'_>| {
            let mut token = Vec::new();
            keys.mint(TokenKind::Access, Algorithm::Es256, claims, good.issued_at, &mut token).unwrap();
            String::from_utf8(token).unwrap()
        };
        let (issued_at, expires_at) = (good.issued_at.before(2 * HOUR), good.issued_at.before(HOUR));
        let (signed, signature) = access.rsplit_once('.').unwrap();
        let (head, payload) = signed.split_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        let expired = Claims { issued_at, expires_at, ..alike(&said) };
        let elsewhere = Claims { audience: "http://other.example.com", ..alike(&said) };
        let by_another = Claims { issuer: "http://127.0.0.1:1", ..alike(&said) };
        let other = minted(&keys, &good);
        let other_claims = other.split('.').nth(1).unwrap();
        let bad = vec![
            ("expired", minted(&keys, &expired)),
            ("for another audience", minted(&keys, &elsewhere)),
            ("of another issuer", minted(&keys, &by_another)),
            ("signed by another key", minted(&foreign, &good)),
            ("a refresh token", refresh),
            ("with another signature", format!("{signed}.{first}{}", &signature[1..])),
            ("with other claims", access.replacen(payload, other_claims, 1)),
            ("without a signature", format!("{head}.{payload}.")),
            ("that says it has none", format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#))),
            ("no token", "x".to_owned()),
        ];
        (bad, other)
    }

    /// A key that says it is the one of the token.
    fn another_key(&self, access: &str) -> SigningRing {
        let id = header(access)["kid"].as_str().unwrap().parse().unwrap();
        let key = PrivateKey::generate(Algorithm::Es256, RsaBits::Bits2048).unwrap();
        let since = Timestamp::from_seconds(0);
        SigningRing::new(&self.tollgate.issuer, vec![SigningKey::asymmetric(id, key, since, None)])
    }

    /// The credentials of an API that asks, for its environment.
    fn credentials(&self) -> [(&'static str, String); 2] {
        let client = self.admin(&["client", "create", "--operator", "--name", "api", "--env", "test"]);
        [("CLIENT_ID", "client_id"), ("CLIENT_SECRET", "client_secret")]
            .map(|(name, field)| (name, client[field].as_str().unwrap().to_owned()))
    }
}

/// The claims of a token like one that was issued.
fn alike(said: &Value) -> Claims<'_> {
    let text = |name: &str| said[name].as_str().unwrap();
    let time = |name: &str| Timestamp::from_seconds(said[name].as_u64().unwrap());
    Claims {
        issuer: text("iss"),
        subject: text("sub").parse().unwrap(),
        audience: AUDIENCE,
        issued_at: time("iat"),
        expires_at: time("exp"),
        id: TokenId::from_bytes([1; 16]),
        scope: text("scope"),
        merchant_id: Some(text("merchant_id").parse().unwrap()),
        environment: Environment::Test,
        secret_id: text("sid").parse().unwrap(),
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        made_with: None,
        addresses: None,
    }
}

fn header(token: &str) -> Value {
    let (header, _) = token.split_once('.').unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

/// An API that somebody's library guards.
struct Api {
    process: Process,
    url: String,
}

impl Api {
    fn start(folder: &Path, program: &mut Command, library: &str, authority: &Authority) -> Self {
        program.args([library, &authority.tollgate.issuer, AUDIENCE]).current_dir(folder);
        let process = Process::spawn(program.envs(authority.credentials()));
        let address = process
            .wait_for(|said| Some(said.split_once("serves ")?.1.split_once('\n')?.0.trim().to_owned()));
        Self { process, url: format!("http://{address}/payments") }
    }

    /// The body and the status of its answer.
    fn call(&self, token: &str) -> String {
        let bearer = format!("Authorization: Bearer {token}");
        let mut curl = Command::new("curl");
        curl.args([
            "-sS",
            "--max-time",
            "30",
            "-w",
            " %{http_code}",
            "-H",
            "Host: api.example.com",
            "-H",
            &bearer,
        ]);
        let said = finish(curl.arg(&self.url)).succeeded().stdout;
        if said.ends_with(" 401") { "401".to_owned() } else { said }
    }
}

/// What each of them must do.
fn holds(program: &mut Command, library: &str) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::start(folder.path());
    let api = Api::start(folder.path(), program, library, &authority);
    let admits = |what: &str, token: &str| {
        assert_eq!(api.call(token), "payments:read payments:write 200", "{what}: {}", api.process.said());
    };
    let (bad, alike) = authority.bad_and_good();
    let (old, _) = authority.tollgate.tokens();
    admits("a good token", &old);
    admits("a token like it", &alike);
    for (what, token) in bad {
        assert_eq!(api.call(&token), "401", "{what}: {token}");
    }
    authority.rotate();
    // The first that it sees of the new key.
    let (new, _) = authority.tollgate.tokens();
    for _ in 0..3 {
        admits("a token of the new key", &new);
        admits("one of the key before", &old);
    }
    assert_ne!(header(&new)["kid"], header(&old)["kid"]);
    for (what, token) in authority.bad_and_good().0 {
        assert_eq!(api.call(&token), "401", "{what}, after the rotation: {token}");
    }
}

fn python(library: &str) {
    let mut python = Command::new(format!("{INSTALLED}/python/bin/python"));
    holds(python.arg(format!("{PROGRAMS}/python/api.py")), library);
}

/// By a program of which installing makes a command, unless what it needs is not there.
fn made(language: &str, library: &str) {
    let program = format!("{INSTALLED}/{language}/api");
    if !is_left_out(&program, "TOLLGATE_TEST_VERIFIERS") {
        holds(&mut Command::new(program), library);
    }
}

#[test]
fn express_oauth2_jwt_bearer_takes_good_tokens_through_a_rotation_and_no_others() {
    let mut node = Command::new("node");
    holds(
        node.arg(format!("{PROGRAMS}/node/api.mjs")).arg(format!("{INSTALLED}/node/node_modules")),
        "express",
    );
}

#[test]
fn pyjwt_takes_good_tokens_through_a_rotation_and_no_others() {
    python("pyjwt");
}

#[test]
fn authlib_takes_good_tokens_through_a_rotation_and_no_others() {
    python("authlib-jwt");
}

#[test]
fn authlib_that_asks_takes_good_tokens_through_a_rotation_and_no_others() {
    python("authlib-opaque");
}

#[test]
fn django_oauth_toolkit_takes_good_tokens_through_a_rotation_and_no_others() {
    python("django-oauth-toolkit");
}

#[test]
fn go_oidc_takes_good_tokens_through_a_rotation_and_no_others() {
    made("go", "go-oidc");
}

#[test]
fn golang_jwt_takes_good_tokens_through_a_rotation_and_no_others() {
    made("go", "golang-jwt");
}

#[test]
fn spring_security_takes_good_tokens_through_a_rotation_and_no_others() {
    made("spring", "spring-jwt");
}

#[test]
fn spring_security_that_asks_takes_good_tokens_through_a_rotation_and_no_others() {
    made("spring", "spring-opaque");
}
