//! The examples of tollgate-auth-guard-remote: APIs in processes of their own, before a running `tollgate dev`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Connection, Dev, PATIENCE, Process, SEEN_WITHIN, eventually, finish, tollgate};

const LEDGER: &str = "https://ledger.example.com";
/// Tokens that a test can see expire.
const SETTINGS: [(&str, &str); 2] =
    [("TOLLGATE_AUDIENCES", "https://ledger.example.com=ES256"), ("TOLLGATE_TOKENS__ACCESS_TTL", "6s")];

#[test]
fn a_ledger_on_axum_admits_by_public_keys_whoever_may() {
    Guarded::start("guarded-axum", get).holds();
}

#[test]
fn a_ledger_on_tonic_admits_by_public_keys_whoever_may() {
    Guarded::start("guarded-tonic", call).holds();
}

#[test]
fn a_ledger_on_hyper_admits_by_asking_whoever_may() {
    Guarded::start("guarded-hyper", get).holds();
}

/// An example that runs before an authority, and how it is called: with a token or without, for status and answer.
struct Guarded {
    folder: tempfile::TempDir,
    dev: Dev,
    caller: Client,
    example: Process,
    address: SocketAddr,
    call: fn(SocketAddr, Option<&str>) -> (u16, String),
}

struct Client {
    id: String,
    secret: String,
}

impl Guarded {
    fn start(name: &str, call: fn(SocketAddr, Option<&str>) -> (u16, String)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dev = Dev::start_with(&folder.path().join("data"), &SETTINGS);
        let merchant = ["--merchant", dev.merchant_id()];
        let guard = ["--audience", "payment-api", "--audience", LEDGER, "--scope", "tollgate:verify"];
        let guard = create(folder.path(), &[&merchant[..], &guard].concat());
        let caller = create(folder.path(), &[&merchant[..], &["--audience", LEDGER]].concat());
        let mut command = Command::new(example(name));
        command.env_clear().env("TOLLGATE_BASE_URL", &dev.base_url);
        command.env("TOLLGATE_CLIENT_ID", &guard.id).env("TOLLGATE_CLIENT_SECRET", &guard.secret);
        command.env("LEDGER_AUDIENCE", LEDGER).env("LEDGER_ENV", "test");
        let example = Process::spawn(&mut command);
        let address =
            example.wait_for(|said| said.strip_prefix("listening on ")?.lines().next()?.parse().ok());
        let guarded = Self { folder, dev, caller, example, address, call };
        eventually("it is ready", PATIENCE, || {
            (guarded.status(Some(&guarded.token(&guarded.caller))) == 200).then_some(())
        });
        guarded
    }

    fn holds(&self) {
        self.admits_a_good_token_and_no_other();
        self.refuses_a_token_when_it_expires();
        self.follows_a_rotation_without_a_false_401();
        self.refuses_a_disabled_client_within_a_second();
    }

    fn admits_a_good_token_and_no_other(&self) {
        let granted = self.granted(&self.caller);
        let token = |name: &str| granted[name].as_str().unwrap();
        let (access, refresh) = (token("access_token"), token("refresh_token"));
        let (status, answer) = (self.call)(self.address, Some(access));
        let balance = format!("the balance of {}", self.caller.id);
        assert!(status == 200 && answer.contains(&balance), "{status} {answer} {}", self.example.said());

        let (signed, signature) = access.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        let altered = format!("{signed}.{first}{}", &signature[1..]);
        let (elsewhere, _) = self.dev.tokens();
        let merchant = ["--merchant", self.dev.merchant_id()];
        let live = ["--audience", LEDGER, "--env", "live"];
        let live = self.token(&create(self.folder.path(), &[&merchant[..], &live].concat()));
        for (bad, token) in [
            ("a refresh token", refresh),
            ("an altered token", &altered),
            ("a token without its signature", &format!("{signed}.")),
            ("a token for another API", &elsewhere),
            ("a token of live mode", &live),
        ] {
            assert_eq!(self.status(Some(token)), 401, "{bad}");
        }
        assert_eq!(self.status(None), 401);
        let reading = ["--audience", LEDGER, "--scope", "payments:write"];
        let without_scope = self.token(&create(self.folder.path(), &[&merchant[..], &reading].concat()));
        assert_eq!(self.status(Some(&without_scope)), 403);
    }

    fn refuses_a_token_when_it_expires(&self) {
        let token = self.token(&self.caller);
        assert_eq!(self.status(Some(&token)), 200);
        eventually("it has expired", PATIENCE, || (self.status(Some(&token)) == 401).then_some(()));
    }

    /// The new key signs at once, so that no verifier can have it beforehand.
    fn follows_a_rotation_without_a_false_401(&self) {
        let before = key_of(&self.token(&self.caller));
        admin(self.folder.path(), &["key", "rotate", "--compromised", "--algorithm", "ES256"]);
        eventually("the new key signs", PATIENCE, || {
            let token = self.token(&self.caller);
            let (status, is_new) = (self.status(Some(&token)), key_of(&token) != before);
            // A token of the old key may be refused at any time from now on.
            assert!(status == 200 || !is_new, "{status} {}", self.example.said());
            is_new.then_some(())
        });
        for _ in 0..20 {
            assert_eq!(self.status(Some(&self.token(&self.caller))), 200);
        }
    }

    fn refuses_a_disabled_client_within_a_second(&self) {
        let token = self.token(&self.caller);
        assert_eq!(self.status(Some(&token)), 200);
        admin(self.folder.path(), &["client", "disable", &self.caller.id, "--yes"]);
        eventually("the client is refused", SEEN_WITHIN, || (self.status(Some(&token)) == 401).then_some(()));
    }

    fn status(&self, token: Option<&str>) -> u16 {
        (self.call)(self.address, token).0
    }

    fn token(&self, client: &Client) -> String {
        self.granted(client)["access_token"].as_str().unwrap().to_owned()
    }

    /// What the endpoint of RFC 6749 grants a client.
    fn granted(&self, client: &Client) -> Value {
        let form =
            format!("grant_type=client_credentials&client_id={}&client_secret={}", client.id, client.secret);
        let media = ("content-type", "application/x-www-form-urlencoded");
        self.dev.api.request("POST", "/oauth2/token", &[media], &form).unwrap().json()
    }
}

/// Calls a service of HTTP/1.1.
fn get(address: SocketAddr, token: Option<&str>) -> (u16, String) {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    let answer = Connection::open(address).unwrap().request("GET", "/balance", &headers, "").unwrap();
    (answer.status, answer.body)
}

/// Calls a service of gRPC with an empty message.
fn call(address: SocketAddr, token: Option<&str>) -> (u16, String) {
    let url = format!("http://{address}/ledger.Ledger/Balance");
    let http = tollgate_client::http_client_builder(&url).unwrap().http2_prior_knowledge().build().unwrap();
    let mut request = http.post(url).header("content-type", "application/grpc").header("te", "trailers");
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let calling = async {
        let answer = request.body(&[0; 5][..]).send().await.unwrap();
        let (status, media) = (answer.status().as_u16(), answer.headers()["content-type"].clone());
        assert_eq!(media, if status == 200 { "application/grpc" } else { "application/json" });
        (status, String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned())
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(calling)
}

/// The header of a token, which names its key.
fn key_of(token: &str) -> String {
    token.split('.').next().unwrap().to_owned()
}

fn create(folder: &Path, args: &[&str]) -> Client {
    let created = admin(folder, &[&["client", "create", "--name", "x"], args].concat());
    let text = |name: &str| created[name].as_str().unwrap().to_owned();
    Client { id: text("client_id"), secret: text("client_secret") }
}

fn admin(folder: &Path, args: &[&str]) -> Value {
    let mut command = tollgate(folder, &[args, &["--data", "data", "--format", "json"]].concat());
    finish(command.envs(SETTINGS)).succeeded().json()
}

/// Where an example is. Cargo puts them beside the folder of the tests.
fn example(name: &str) -> std::path::PathBuf {
    let tests = std::env::current_exe().unwrap();
    let example = tests.parent().unwrap().with_file_name("examples").join(name);
    assert!(example.exists(), "first build the examples: cargo build --workspace --examples");
    example
}
