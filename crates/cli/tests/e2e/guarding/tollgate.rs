//! A server behind a proxy, and the table of requests for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tollgate_admin::{AuditTrail, open_signing_keys};
use tollgate_core::{Algorithm, KeyId, Policy, Timestamp};
use tollgate_keys::{MasterKey, PrivateKey, RsaBits, SigningKey, SigningRing};
use tollgate_store::{Actor, Draft, Keys, Object, Revocations};
use tollgate_store_sqlite::Sqlite;

use super::parity::{self, Subject};
use crate::harness::{
    Api, Dev, Process, SEEN_WITHIN, Serve, eventually, faketime_library, finish, shell, tollgate,
};

/// A clock that stands still, so that a token in its last second stays there: what it is in the environment of a program.
pub(crate) struct Clock {
    pub(crate) now: Timestamp,
    pub(super) env: Vec<(String, String)>,
}

impl Clock {
    /// Stops it now.
    pub(super) fn stopped(folder: &Path) -> Self {
        let said = finish(&mut shell(folder, "date -u '+%s %Y-%m-%d %H:%M:%S'")).succeeded().stdout;
        let (now, written) = said.trim().split_once(' ').unwrap();
        let library = faketime_library(folder);
        let env = [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME", written),
            ("TZ", "UTC"),
            // Waiting is by the other clock.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        Self { now: Timestamp::from_seconds(now.parse().unwrap()), env }
    }
}

/// A server that proxies ask, or whose keys they verify by.
pub(crate) struct Tollgate {
    pub(super) process: Process,
    pub(crate) api: Api,
    pub(crate) issuer: String,
    pub(crate) client: (String, String),
    /// The folder of its store and its master key.
    pub(super) data: PathBuf,
    pub(crate) clock: Clock,
}

impl Tollgate {
    /// Starts it as in production, with `more` in its configuration, at a time that stands still.
    pub(super) fn serve(folder: &Path, more: &str) -> Self {
        let client = Serve::install(folder, more);
        let clock = Clock::stopped(folder);
        let mut command = tollgate(folder, &["serve", "--config", "tollgate.toml"]);
        let Serve { process, api, .. } = Serve::run(Process::spawn(command.envs(clock.env.clone())));
        let issuer = "https://pay.example.com".to_owned();
        Self { process, api, issuer, client, data: folder.to_owned(), clock }
    }

    /// Starts it for development, where its issuer is its address, with the machine's clock.
    pub(crate) fn dev(folder: &Path, env: &[(&str, &str)]) -> Self {
        let data = folder.join("data");
        let clock = Clock { env: Vec::new(), ..Clock::stopped(folder) };
        let dev = Dev::start_with(&data, env);
        let client = (dev.client_id().to_owned(), dev.client_secret().to_owned());
        Self { process: dev.process, api: dev.api, issuer: dev.base_url, client, data, clock }
    }

    /// Its address and port.
    pub(super) fn address(&self) -> String {
        self.api.0.to_string()
    }

    /// An access and a refresh token.
    pub(crate) fn tokens(&self) -> (String, String) {
        self.api.tokens(&self.client.0, &self.client.1)
    }

    /// A command that administers it.
    pub(crate) fn admin(&self, args: &[&str]) -> Command {
        let config = self.data.join("tollgate.toml");
        let of =
            if config.exists() { ["--config".into(), config] } else { ["--data".into(), self.data.clone()] };
        let mut command = tollgate(&self.data, args);
        command.args(of);
        command
    }

    /// Its signing keys.
    pub(crate) fn keys(&self) -> SigningRing {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = Sqlite::open_existing(&self.data.join("tollgate.db")).unwrap();
        let sealed = runtime.block_on(store.signing_keys()).unwrap();
        SigningRing::new(&self.issuer, open_signing_keys(&sealed, &self.master_key().into()).unwrap())
    }

    fn master_key(&self) -> MasterKey {
        fs::read_to_string(self.data.join("master.key")).unwrap().trim().parse().unwrap()
    }

    /// The table of requests, whose revocations are in force then.
    pub(super) fn table(&self, algorithm: Algorithm) -> Vec<parity::Case> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = Sqlite::open_existing(&self.data.join("tollgate.db")).unwrap();
        let now = self.clock.now;
        let record = Draft::new(now, Actor::system(), "token.revoke", Object::Store);
        let act = AuditTrail::new(self.master_key().trail_key()).act(record);
        for revocation in parity::revocations(now) {
            runtime.block_on(store.revoke(&revocation, now, &act)).unwrap();
        }
        let keys = self.keys();
        let policy = Policy {
            issuer: self.issuer.clone(),
            audience: parity::AUDIENCE.to_owned(),
            exp_leeway: Duration::ZERO,
            iat_leeway: Duration::from_secs(5),
        };
        let cases =
            parity::cases(&parity::Authority { policy, algorithm, keys, foreign: foreign(algorithm) }, now);
        let revoked = |case: &&parity::Case| case.subject == Subject::Revocation && case.expected.is_err();
        for case in cases.iter().filter(revoked) {
            eventually("the revocations are in force", SEEN_WITHIN, || {
                let line = case.authorization[0].to_str().unwrap();
                (self.api.list(line.strip_prefix("Bearer ").unwrap(), "").status == 401).then_some(())
            });
        }
        cases
    }
}

/// A key of the algorithm that no installation has.
fn foreign(algorithm: Algorithm) -> SigningKey {
    let (id, since) = (KeyId::from_bytes([8; 16]), Timestamp::from_seconds(0));
    if algorithm == Algorithm::Hs256 {
        return SigningKey::derive(id, &[8; 32], since, None);
    }
    SigningKey::asymmetric(id, PrivateKey::generate(algorithm, RsaBits::Bits2048).unwrap(), since, None)
}

/// The claims of a token.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
