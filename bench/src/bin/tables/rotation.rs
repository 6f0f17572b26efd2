//! A rotation of every algorithm's key while 32 verifiers of three kinds go on admitting tokens.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode_header};
use serde_json::Value;
use tollgate_bench::credentials::Credentials;
use tollgate_bench::message;
use tollgate_bench::plain::{self, Connection};
use tollgate_guard::Decide;
use tollgate_guard_remote::{IntrospectingVerifier, RemoteVerifier};

use super::guards::{by_asking, by_keys, decide, seeded};
use crate::document::{count, table};
use crate::servers::{Setup, Tollgate};

/// The APIs, and the algorithm of each. HS256 is that of the default one.
const APIS: [(&str, Option<Algorithm>); 5] = [
    ("payment-api", None),
    ("https://es256.example.com", Some(Algorithm::ES256)),
    ("https://eddsa.example.com", Some(Algorithm::EdDSA)),
    ("https://ps256.example.com", Some(Algorithm::PS256)),
    ("https://rs256.example.com", Some(Algorithm::RS256)),
];
const SETTINGS: (&str, &str) = (
    "TOLLGATE_AUDIENCES",
    "https://es256.example.com=ES256, https://eddsa.example.com=EdDSA, https://ps256.example.com=PS256, \
     https://rs256.example.com=RS256",
);
/// Between two tokens of an API, and between two rounds of a verifier.
const FEED: Duration = Duration::from_millis(100);
/// Decisions in a round: of a guard that asks, and of the others.
const ASKED: u64 = 2;
const VERIFIED: u64 = 20;
/// How long it goes on after the last key has changed.
const AFTER: Duration = Duration::from_secs(20);

pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let folder = setup.folder()?;
    let audiences: Vec<&str> = APIS.iter().skip(1).map(|(audience, _)| *audience).collect();
    setup.seed_with(folder.path(), 1, &seeded(&audiences))?;
    let server = setup.tollgate_with(folder.path(), &[SETTINGS])?;
    let client = server.client()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let feeds: Vec<Arc<Feed>> = APIS.iter().map(|(audience, _)| Feed::new(audience)).collect();
    let ended = AtomicBool::new(false);
    let verifiers = {
        let _entered = runtime.enter();
        verifiers(&server, &client, &feeds)?
    };
    let tallies: [Arc<Tally>; 3] = std::array::from_fn(|_| Arc::default());
    thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(&server, &client, &feeds, &ended));
        while feeds.iter().any(|feed| feed.latest().is_none()) && !feeding.is_finished() {
            thread::sleep(FEED);
        }
        for (kind, verifier, feed) in verifiers {
            runtime.spawn(verify(verifier, feed, tallies[kind].clone()));
        }
        let rotated = rotate(setup, &server);
        ended.store(true, Relaxed);
        feeding.join().expect("it feeds")?;
        rotated
    })?;
    drop(runtime);
    let rows =
        ["guards by public keys", "`jsonwebtoken` with keys kept for their `max-age`", "guards that ask"];
    let verifiers = [12, 12, 8];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .zip(verifiers)
        .zip(&tallies)
        .map(|((name, verifiers), tally)| {
            let figure = |tally: &AtomicU64| count(tally.load(Relaxed) as f64);
            let (admitted, refused, away) = (&tally.admitted, &tally.refused, &tally.unavailable);
            vec![(*name).to_owned(), verifiers.to_string(), figure(admitted), figure(refused), figure(away)]
        })
        .collect();
    let head = ["verifiers", "how many", "good tokens admitted", "refused (false 401)", "not decided (503)"];
    let note = format!(
        "Keys that signed no more at the end, one of each algorithm: {}.\n",
        rotated(setup, &server)?
    );
    Ok(vec![("rotation", format!("{}\n{note}", table(&head, &rows)))])
}

/// Rotates the keys of all algorithms, and waits until all new ones sign and for some time more.
fn rotate(setup: &Setup, server: &Tollgate) -> io::Result<()> {
    setup.administer(server, &[SETTINGS], &["key", "rotate", "--yes"])?;
    // The new keys are published for five minutes before they sign.
    let patience = Duration::from_secs(if setup.quick { 10 } else { 400 });
    let began = Instant::now();
    while rotated(setup, server)? < APIS.len() {
        if began.elapsed() > patience {
            return if setup.quick { Ok(()) } else { Err(io::Error::other("the new keys don't sign")) };
        }
        thread::sleep(Duration::from_secs(10));
    }
    thread::sleep(AFTER);
    Ok(())
}

/// How many keys have been followed by one that signs now.
fn rotated(setup: &Setup, server: &Tollgate) -> io::Result<usize> {
    let listed = setup.administer(server, &[SETTINGS], &["key", "list", "--format", "json"])?;
    let keys: Vec<Value> = serde_json::from_slice(&listed)?;
    Ok(keys.iter().filter(|key| key["phase"] == "verify-only").count())
}

/// Good tokens of an API, all of which live longer than this takes.
struct Feed {
    audience: &'static str,
    tokens: Mutex<Vec<Arc<str>>>,
}

impl Feed {
    fn new(audience: &'static str) -> Arc<Self> {
        Arc::new(Self { audience, tokens: Mutex::default() })
    }

    fn add(&self, token: &str) {
        self.tokens.lock().expect("no feeder panics").push(token.into());
    }

    fn latest(&self) -> Option<Arc<str>> {
        self.tokens.lock().expect("no feeder panics").last().cloned()
    }

    /// The latest token, or as often any earlier one.
    fn pick(&self) -> Option<Arc<str>> {
        let tokens = self.tokens.lock().expect("no feeder panics");
        let any = tokens.get(rand::random_range(0..tokens.len().max(1)));
        if rand::random() { tokens.last().cloned() } else { any.cloned() }
    }
}

/// Obtains tokens of every API again and again.
fn feed(server: &Tollgate, client: &Credentials, feeds: &[Arc<Feed>], ended: &AtomicBool) -> io::Result<()> {
    let mut connection = Connection::open(server.api)?;
    while !ended.load(Relaxed) {
        for feed in feeds {
            feed.add(&plain::token_for(&mut connection, client, feed.audience)?);
        }
        thread::sleep(FEED);
    }
    Ok(())
}

/// What verifiers of a kind have decided about good tokens.
#[derive(Default)]
struct Tally {
    admitted: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
}

enum Kind {
    ByKeys(RemoteVerifier),
    Library(Library),
    Asking(IntrospectingVerifier),
}

/// Three of the guard by keys and of the library for each API with public keys, and guards that ask for all of them.
fn verifiers(
    server: &Tollgate,
    client: &Credentials,
    feeds: &[Arc<Feed>],
) -> io::Result<Vec<(usize, Kind, Arc<Feed>)>> {
    let mut all = Vec::new();
    for ((audience, algorithm), feed) in APIS.iter().zip(feeds) {
        for _ in 0..3 {
            if let Some(algorithm) = algorithm {
                all.push((0, Kind::ByKeys(by_keys(server, audience, client)?), feed.clone()));
                all.push((1, Kind::Library(Library::new(server, audience, *algorithm)?), feed.clone()));
            }
        }
        let asking = if algorithm.is_some() { 1 } else { 4 };
        for _ in 0..asking {
            all.push((2, Kind::Asking(by_asking(server, audience, client)?), feed.clone()));
        }
    }
    Ok(all)
}

async fn verify(mut kind: Kind, feed: Arc<Feed>, tally: Arc<Tally>) {
    if let Kind::ByKeys(verifier) = &kind {
        verifier.ready().await;
    }
    loop {
        let many = if matches!(kind, Kind::Asking(_)) { ASKED } else { VERIFIED };
        for _ in 0..many {
            let Some(token) = feed.pick() else { break };
            let counter = match &mut kind {
                Kind::ByKeys(verifier) => tally.of(verifier, &token).await,
                Kind::Asking(verifier) => tally.of(verifier, &token).await,
                Kind::Library(library) => tally.said(library.admits(&token)),
            };
            counter.fetch_add(1, Relaxed);
        }
        tokio::time::sleep(FEED).await;
    }
}

impl Tally {
    fn said(&self, is_admitted: bool) -> &AtomicU64 {
        if is_admitted { &self.admitted } else { &self.refused }
    }

    async fn of(&self, verifier: &impl Decide, token: &str) -> &AtomicU64 {
        match decide(verifier, token).await {
            Ok(_) => &self.admitted,
            Err(tollgate_guard::Denial::Stale) => &self.unavailable,
            Err(denial) => {
                eprintln!("  a good token is refused: {denial}");
                &self.refused
            }
        }
    }
}

/// A resource server that keeps the published keys for as long as it may, and reads them for no token before.
struct Library {
    api: std::net::SocketAddr,
    validation: Validation,
    keys: JwkSet,
    until: Instant,
}

impl Library {
    fn new(server: &Tollgate, audience: &str, algorithm: Algorithm) -> io::Result<Self> {
        // The server has it use another library; this one was said before, if it fails.
        let _ = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[format!("http://{}", server.api)]);
        let (keys, until) = published(server.api)?;
        Ok(Self { api: server.api, validation, keys, until })
    }

    fn admits(&mut self, token: &str) -> bool {
        if Instant::now() >= self.until {
            (self.keys, self.until) = published(self.api).expect("the authority is there");
        }
        let key = decode_header(token).ok().and_then(|header| header.kid);
        let key = key.and_then(|id| self.keys.find(&id)).map(DecodingKey::from_jwk);
        match key {
            Some(Ok(key)) => jsonwebtoken::decode::<Value>(token, &key, &self.validation).is_ok(),
            Some(Err(_)) | None => false,
        }
    }
}

/// The published keys, and how long they may be kept.
fn published(api: std::net::SocketAddr) -> io::Result<(JwkSet, Instant)> {
    let asked = Instant::now();
    let answer = plain::ask(api, &message::get("/oauth2/jwks"))?;
    let head = String::from_utf8_lossy(&answer.bytes[..answer.head.body_at]).to_ascii_lowercase();
    let kept = head.split_once("max-age=").and_then(|(_, rest)| {
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|seconds| seconds.parse().ok())
    });
    let kept = kept.ok_or_else(|| io::Error::other("the keys don't say how long they may be kept"))?;
    Ok((serde_json::from_slice(answer.body())?, asked + Duration::from_secs(kept)))
}
