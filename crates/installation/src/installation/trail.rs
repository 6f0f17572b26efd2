//! The records that a server itself writes to the audit trail, and the deletion of old ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tollgate_admin::{audit, imported, machine};
use tollgate_core::{ClientId, KeyId, SecretId, Timestamp};
use tollgate_guard::ClientAddress;
use tollgate_keys::SecretHash;
use tollgate_store::{Act, Actor, ActorKind, Draft, Object, Outcome};

use super::Installation;

impl Installation {
    /// Returns how many records are not streamed yet; `None` if this server doesn't stream them.
    pub fn unstreamed(&self) -> Option<u64> {
        self.auditing.unstreamed()
    }

    /// Sets how many records are not streamed yet; `None` if another server streams them.
    pub fn set_unstreamed(&self, records: Option<u64>) {
        self.auditing.set_unstreamed(records);
    }

    /// Notes something that happened to this server, which is recorded as soon as the store takes it.
    pub fn note_event(&self, act: &'static str, outcome: Outcome, what: &Value) {
        let event = Draft { outcome, after: Some(what.to_string()), ..self.event(act) };
        self.auditing.events().note(event, Instant::now());
    }

    /// Notes that a client is throttled from now on: it is refused from this address, whatever its secret.
    pub fn note_throttled(&self, client: ClientId, from: ClientAddress) {
        let source = from.known().map(|address| address.to_string());
        let actor = Actor { from: source, ..Actor::new(ActorKind::Client(client)) };
        let event = Draft {
            outcome: Outcome::Refused,
            after: Some(json!({ "limit": "limits.auth_failures" }).to_string()),
            ..Draft::new(self.store_time(), actor, "client.throttle", Object::Client(client))
        };
        self.auditing.events().note(event, Instant::now());
    }

    /// Notes that somebody was refused `act` on `object`. It may be anybody, so the number of records is limited.
    pub fn note_refused(&self, by: &Actor, act: &'static str, object: Object, why: &str) {
        let event = Draft {
            outcome: Outcome::Refused,
            after: Some(json!({ "refused": why }).to_string()),
            ..Draft::new(self.store_time(), by.clone(), act, object)
        };
        self.auditing.events().note(event, Instant::now());
    }

    /// Replaces the slow hash of an imported secret that was used by its keyed hash.
    pub async fn rehash(&self, client: ClientId, secret: SecretId, hash: &SecretHash) {
        let actor = self.membership.actor();
        match imported::rehash(&self.administration(), client, secret, hash, &actor).await {
            Ok(true) => tracing::info!(%client, %secret, "an imported secret was used, and hashed anew"),
            // Another server was faster, or the secret is gone.
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, %client, %secret, "an imported secret could not be hashed anew yet");
            }
        }
    }

    /// Records events until the sender of `stopped` is dropped.
    pub async fn record_events(&self, stopped: watch::Receiver<()>) {
        let suppressed = |counts: &BTreeMap<&str, u64>| Draft {
            after: Some(json!({ "not_recorded_one_by_one": counts }).to_string()),
            ..self.event("events.suppress")
        };
        self.auditing.events().record(self.store(), self.unlocked.trail(), suppressed, stopped).await;
    }

    /// Makes the act of a signing key entering a phase at this time.
    pub(crate) fn key_phase(&self, key: KeyId, act: &'static str, at: Timestamp) -> Act {
        let (now, actor) = (self.store_time(), self.membership.actor());
        let after = Some(json!({ "since": at.rfc3339_millis() }).to_string());
        self.act(Draft { after, ..Draft::new(now, actor, act, Object::SigningKey(key)) })
    }

    fn event(&self, act: &'static str) -> Draft {
        Draft::new(self.store_time(), self.membership.actor(), act, Object::Server(machine()))
    }

    /// Deletes records that were kept long enough, if this server leads, and sources of secrets.
    pub(super) async fn purge_trail(&self, passed: Timestamp) {
        if !self.rotates_keys() {
            return;
        }
        match audit::purge(&self.administration(), passed, &self.membership.actor()).await {
            Ok(0) => {}
            Ok(records) => {
                tracing::info!(records, "records of the audit trail were deleted: kept for long enough");
            }
            Err(error) => tracing::warn!(%error, "old records of the audit trail could not be deleted"),
        }
        let before = passed.before(self.config.audit.keep_sources);
        if let Err(error) = self.store.forget_sources(before).await {
            tracing::warn!(%error, "old sources of secrets could not be deleted");
        }
    }
}
