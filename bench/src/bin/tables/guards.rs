//! How soon a revocation counts at a guard in another process than the authority's.

use std::io;
use std::pin::Pin;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::Value;
use tokio::runtime::Runtime;
use tollgate_admin::AuditTrail;
use tollgate_bench::credentials::{self, Credentials};
use tollgate_bench::plain::{self, Connection};
use tollgate_bench::stats::percentile;
use tollgate_client::{Secret, SecretError, SecretSource};
use tollgate_clock::SystemClock;
use tollgate_core::{ClientId, Clock, Environment, Revocation, Revoked, TokenError};
use tollgate_guard::{Decide, Denial, Principal, Requirement};
use tollgate_guard_remote::{IntrospectingVerifier, RemoteVerifier};
use tollgate_keys::MasterKey;
use tollgate_store::{Act, Actor, Clients as _, Draft, Object, Revocations as _, Status, StoreError};
use tollgate_store_sqlite::Sqlite;

use crate::document::table;
use crate::servers::{Setup, Tollgate};

const AUDIENCE: &str = "https://ledger.example.com";
const AUDIENCES: (&str, &str) = ("TOLLGATE_AUDIENCES", "https://ledger.example.com=ES256");

pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let (many, few) = if setup.quick { (20, 10) } else { (1_000, 200) };
    let folder = setup.folder()?;
    setup.seed_with(folder.path(), 2, &seeded(&[AUDIENCE]))?;
    let server = setup.tollgate_with(folder.path(), &[AUDIENCES])?;
    let stage = Stage::new(&server)?;
    let (by_keys, by_asking) = {
        let _entered = stage.runtime.enter();
        (by_keys(&server, AUDIENCE, &stage.guard)?, by_asking(&server, AUDIENCE, &stage.guard)?)
    };
    stage.runtime.block_on(by_keys.ready());
    let mut rows = Vec::new();
    let mut add = |what: &str, times: usize, mut change: Box<dyn FnMut() -> io::Result<Duration> + '_>| {
        let millis: io::Result<Vec<f64>> =
            (0..times).map(|_| change().map(|took| took.as_secs_f64() * 1e3)).collect();
        let millis = millis?;
        let shown = |percent| format!("{:.0} ms", percentile(&millis, percent));
        eprintln!("  {what}: p50 {}, p99 {}", shown(50), shown(99));
        rows.push(vec![what.to_owned(), times.to_string(), shown(50), shown(99), shown(100)]);
        io::Result::Ok(())
    };
    add("token revoked, a guard by public keys", many, Box::new(|| stage.revoke_token(&by_keys)))?;
    add("client disabled, a guard by public keys", few, Box::new(|| stage.disable_client(&by_keys)))?;
    add("token revoked, a guard that asks", few, Box::new(|| stage.revoke_token(&by_asking)))?;
    Ok(vec![("guards", table(&["change", "times", "p50", "p99", "max"], &rows))])
}

/// Arguments of `seed` for clients with tokens of these APIs, any of which may be a guard's own.
pub(crate) fn seeded<'a>(audiences: &[&'a str]) -> Vec<&'a str> {
    let mut args =
        vec!["--scope", "payments:read payments:write tollgate:verify", "--audience", "payment-api"];
    args.extend(audiences.iter().flat_map(|audience| ["--audience", audience]));
    args
}

/// Starts a guard that reads keys and revocations.
pub(crate) fn by_keys(server: &Tollgate, audience: &str, guard: &Credentials) -> io::Result<RemoteVerifier> {
    RemoteVerifier::builder(issuer(server), audience)
        .environment(Environment::Test)
        .client(Text(guard.client_id.clone()), Text(guard.client_secret.clone()))
        .start()
        .map_err(io::Error::other)
}

/// Makes a guard that asks about each token.
pub(crate) fn by_asking(
    server: &Tollgate,
    audience: &str,
    guard: &Credentials,
) -> io::Result<IntrospectingVerifier> {
    let (id, secret) = (Text(guard.client_id.clone()), Text(guard.client_secret.clone()));
    let verifier = IntrospectingVerifier::builder(issuer(server), audience, id, secret);
    verifier.environment(Environment::Test).build().map_err(io::Error::other)
}

/// Decides about a request with a token.
pub(crate) async fn decide(verifier: &impl Decide, token: &str) -> Result<Principal, Denial> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().expect("a token is a value"));
    verifier.decide_soon(&headers, None, &Requirement::new()).made().await
}

fn issuer(server: &Tollgate) -> String {
    format!("http://{}", server.api)
}

/// A text that a guard's client is read from.
struct Text(String);

impl SecretSource for Text {
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>> {
        Box::pin(async { Ok(Secret::from(self.0.clone())) })
    }
}

/// An authority, its store as a command has it open, and two clients: a guard's and a caller.
struct Stage {
    runtime: Runtime,
    store: std::sync::Arc<Sqlite>,
    master_key: MasterKey,
    server: std::net::SocketAddr,
    guard: Credentials,
    caller: Credentials,
}

impl Stage {
    fn new(server: &Tollgate) -> io::Result<Self> {
        let clients = credentials::read(&server.data.join("clients.txt"), 2)?;
        let [guard, caller] =
            clients.try_into().map_err(|_| io::Error::other("there are not two clients"))?;
        let store = Sqlite::open_existing(&server.data.join("tollgate.db")).map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let master_key = std::fs::read_to_string(server.data.join("master.key"))?;
        let master_key = master_key.parse().map_err(io::Error::other)?;
        Ok(Self { runtime, store: store.into(), master_key, server: server.api, guard, caller })
    }

    /// As `tollgate token revoke` does, in a process of its own: the server reads it in the store, and the guard hears of it.
    fn revoke_token(&self, verifier: &impl Decide) -> io::Result<Duration> {
        let token = self.good_token(verifier)?;
        let (subject, now) = (Revoked::Token(id_of(&token)?), SystemClock.now());
        let revocation = Revocation { subject, expires_at: now.after(Duration::from_secs(3_600)) };
        let started = at_any_time();
        self.act(async |store| store.revoke(&revocation, now, &self.changes()).await)?;
        self.until_refused(verifier, &token, started)
    }

    fn disable_client(&self, verifier: &impl Decide) -> io::Result<Duration> {
        let token = self.good_token(verifier)?;
        let id: ClientId = self.caller.client_id.parse().map_err(io::Error::other)?;
        let set = |status: Status| {
            let now = SystemClock.now();
            self.act(async |store| store.set_client_status(id, status, now, &self.changes()).await.map(drop))
        };
        let started = at_any_time();
        set(Status::Disabled)?;
        let took = self.until_refused(verifier, &token, started)?;
        set(Status::Enabled)?;
        Ok(took)
    }

    /// A token that the guard takes. A client that was just enabled again has one as soon as the server knows it.
    fn good_token(&self, verifier: &impl Decide) -> io::Result<String> {
        let patience = Instant::now() + Duration::from_secs(10);
        loop {
            let token = Connection::open(self.server)
                .and_then(|mut c| plain::token_for(&mut c, &self.caller, AUDIENCE));
            match token {
                Ok(token) if self.runtime.block_on(decide(verifier, &token)).is_ok() => return Ok(token),
                Ok(_) | Err(_) if Instant::now() < patience => thread::sleep(Duration::from_millis(5)),
                Ok(_) => return Err(io::Error::other("the guard refuses a good token")),
                Err(error) => return Err(error),
            }
        }
    }

    fn until_refused(&self, verifier: &impl Decide, token: &str, started: Instant) -> io::Result<Duration> {
        loop {
            match self.runtime.block_on(decide(verifier, token)) {
                Err(Denial::InvalidToken(TokenError::Revoked) | Denial::Inactive) => {
                    return Ok(started.elapsed());
                }
                Err(other) => return Err(io::Error::other(other)),
                Ok(_) if started.elapsed() > Duration::from_secs(30) => {
                    return Err(io::Error::other("the token is still admitted"));
                }
                Ok(_) => thread::sleep(Duration::from_micros(500)),
            }
        }
    }

    /// The act that every change is recorded as.
    fn changes(&self) -> Act {
        let record = Draft::new(SystemClock.now(), Actor::system(), "bench", Object::Store);
        AuditTrail::new(self.master_key.trail_key()).act(record)
    }

    fn act(&self, act: impl AsyncFnOnce(&Sqlite) -> Result<(), StoreError>) -> io::Result<()> {
        self.runtime.block_on(act(&self.store)).map_err(io::Error::other)
    }
}

/// Whoever has just seen a change knows when the server read the store: the next change must not begin right after that.
fn at_any_time() -> Instant {
    thread::sleep(Duration::from_millis(rand::random_range(0..250)));
    Instant::now()
}

/// The id of a token, which stands in its claims.
fn id_of(token: &str) -> io::Result<tollgate_core::TokenId> {
    let payload = token.split('.').nth(1).ok_or(io::ErrorKind::InvalidData)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).map_err(io::Error::other)?)?;
    claims["jti"].as_str().ok_or(io::ErrorKind::InvalidData)?.parse().map_err(io::Error::other)
}
