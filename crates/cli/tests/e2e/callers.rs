//! Callers that call all the time, and note each request that is not answered as it should be.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Api, CREATE, Connection, JSON, PATIENCE, eventually, now, payment};

/// How many callers there are of each kind.
const OF_A_KIND: usize = 2;

/// How many requests a caller makes, one after the other, before it begins anew.
const ROUND: usize = 5;

/// Callers with connections that they keep, as long as the server does, and with one for each request. Each obtains and refreshes
/// tokens, reads and creates.
pub(crate) struct Callers {
    shared: Arc<Shared>,
    /// The answers that each has had.
    answered: Vec<Arc<AtomicUsize>>,
    running: Vec<JoinHandle<()>>,
}

struct Shared {
    api: Api,
    client: (String, String),
    /// An access token of the time before.
    access: String,
    stop: AtomicBool,
    failures: Mutex<Vec<String>>,
    /// How long the request took that took the longest.
    longest: Mutex<Duration>,
}

/// What came of the calls.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) requests: usize,
    pub(crate) longest: Duration,
}

impl Callers {
    pub(crate) fn start(api: Api, id: &str, secret: &str) -> Self {
        let (client, (access, _)) = ((id.to_owned(), secret.to_owned()), api.tokens(id, secret));
        let (stop, failures, longest) = (AtomicBool::new(false), Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { api, client, access, stop, failures, longest });
        let mut callers = Self { shared, answered: Vec::new(), running: Vec::new() };
        for number in 0..2 * OF_A_KIND {
            let (shared, answered) = (callers.shared.clone(), Arc::<AtomicUsize>::default());
            callers.answered.push(answered.clone());
            callers.running.push(std::thread::spawn(move || {
                let mut caller = Caller { shared: &shared, number, keeps: number % 2 == 0, connection: None };
                while !shared.stop.load(SeqCst) {
                    caller.round(answered.load(SeqCst));
                    answered.fetch_add(1, SeqCst);
                }
            }));
        }
        callers
    }

    /// Waits until each has made so many rounds more.
    pub(crate) fn call_on(&self, rounds: usize) {
        let made = || self.answered.iter().map(|answered| answered.load(SeqCst));
        let before: Vec<_> = made().collect();
        eventually("every caller goes on", PATIENCE, || {
            made().zip(&before).all(|(now, before)| now > before + rounds).then_some(())
        });
    }

    /// Ends them, and fails if a request was not answered as it should be.
    pub(crate) fn all_were_answered(mut self) -> Called {
        self.shared.stop.store(true, SeqCst);
        for caller in self.running.drain(..) {
            caller.join().unwrap();
        }
        let rounds: usize = self.answered.iter().map(|answered| answered.load(SeqCst)).sum();
        let called = Called { requests: rounds * ROUND, longest: *self.shared.longest.lock().unwrap() };
        let failures = self.shared.failures.lock().unwrap();
        assert!(failures.is_empty(), "{} failed ({called:?}): {:?}", failures.len(), failures.first());
        called
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
    }
}

struct Caller<'a> {
    shared: &'a Shared,
    number: usize,
    keeps: bool,
    connection: Option<Connection>,
}

impl Caller<'_> {
    fn round(&mut self, round: usize) {
        let (id, secret) = &self.shared.client;
        let body = json!({ "client_id": id, "client_secret": secret }).to_string();
        let Some(tokens) = self.call(200, "POST", "/api/v1/oauth2/token", &[JSON], &body) else { return };
        let tokens: serde_json::Value = serde_json::from_str(&tokens).unwrap();
        let bearer = format!("Bearer {}", tokens["data"]["access_token"].as_str().unwrap());
        let bearer = ("authorization", bearer.as_str());
        let body = json!({ "refresh_token": tokens["data"]["refresh_token"] }).to_string();
        self.call(200, "POST", "/api/v1/oauth2/refresh", &[JSON], &body);
        let before = format!("Bearer {}", self.shared.access);
        for bearer in [bearer, ("authorization", &before)] {
            self.call(200, "GET", "/api/v1/payment-requests?limit=1", &[bearer], "");
        }
        let key = format!("C{}R{round}", self.number);
        self.call(201, "POST", CREATE, &[bearer, JSON, ("idempotency-key", &key)], &payment(&key));
    }

    /// Makes a call, and returns the body of its answer.
    fn call(
        &mut self,
        status: u16,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<String> {
        let since = now();
        let made = match self.connection.take() {
            Some(kept) => Ok(kept),
            None => Connection::open(self.shared.api.0),
        };
        let made = made.and_then(|mut connection| {
            let answer = connection.request(method, path, headers, body)?;
            Ok((connection, answer))
        });
        let mut longest = self.shared.longest.lock().unwrap();
        *longest = longest.max(since.elapsed());
        drop(longest);
        match made {
            Ok((connection, answer)) if answer.status == status => {
                let is_last = answer.header("connection") == Some("close");
                self.connection = (self.keeps && !is_last).then_some(connection);
                Some(answer.body)
            }
            Ok((_, answer)) => self.failed(method, path, &format!("{answer:?}")),
            Err(error) => self.failed(method, path, &error.to_string()),
        }
    }

    fn failed(&self, method: &str, path: &str, what: &str) -> Option<String> {
        let kind = if self.keeps { "kept" } else { "new" };
        self.shared.failures.lock().unwrap().push(format!("{method} {path} ({kind}): {what}"));
        None
    }
}
