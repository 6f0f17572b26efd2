//! A server's membership among those that share its store: it says that it runs, sees which others do, and knows
//! whether it may serve.
//!
//! A server changes the agreement by itself only when it starts and no server with another configuration runs: then
//! nobody disagrees, and an operator who edits the configuration of the only server and restarts it need not know
//! of agreements. A server that joins others and differs waits, for ever if need be: if it adopted its configuration as
//! soon as they pause, a mistake in one file would stop them all.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tollgate_admin::{AuditTrail, Process, Records, Standing, Terms};
use tollgate_config::Config;
use tollgate_core::{Accepted, Timestamp};
use tollgate_store::{Actor, Agreements, Draft, Object, RunningServer, Servers, Store, StoreError};

/// How often a server says that it runs.
const BEAT_EVERY: Duration = Duration::from_secs(10);
/// How long a server may be silent until it counts as ended.
const GONE_AFTER: Duration = Duration::from_secs(30);

/// A server among those that share its store.
pub(crate) struct Membership {
    own: Terms,
    trail: AuditTrail,
    id: [u8; 16],
    process: Process,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: Records,
    /// Whether it has seen which servers run; before, its standing is unknown.
    joined: bool,
    /// Whether no other server ran when it started.
    alone: bool,
    /// The servers that differed from it when it started, and when each had last said that it runs. `None` if it may not, or may no
    /// longer, change the agreement.
    differing: Option<Vec<([u8; 16], Timestamp)>>,
    beat_at: Option<Timestamp>,
    /// Why its configuration could not be recorded, if it could not.
    failed: Option<String>,
}

impl Membership {
    /// Makes the membership of a server with this configuration.
    pub(crate) fn new(config: &Config, trail: AuditTrail) -> Self {
        Self {
            own: Terms::of(config),
            trail,
            id: rand::random(),
            process: Process::current(),
            state: Mutex::default(),
        }
    }

    /// Reads the agreements.
    pub(crate) async fn read(&self, store: &dyn Agreements) -> Result<(), StoreError> {
        let records = Records::read(store).await?;
        let mut state = self.state();
        if state.records.agree_on(&self.own) && !records.go_on_from(&state.records) {
            // The store was restored, or a standby took over: the agreement was lost there, not changed.
            state.differing = Some(Vec::new());
        }
        state.records = records;
        Ok(())
    }

    /// Returns the issuers and audiences that are accepted beside its own.
    pub(crate) fn accepted(&self, now: Timestamp) -> Vec<Accepted> {
        self.state().records.accepted(&self.own, now)
    }

    /// Returns how its configuration relates to the agreements; `None` before it has joined.
    pub(crate) fn standing(&self, now: Timestamp) -> Option<Standing> {
        let state = self.state();
        state.joined.then(|| state.records.standing(&self.own, now, state.alone))
    }

    /// Says whether it goes on with the terms of an earlier agreement.
    pub(crate) fn is_replaced(&self, now: Timestamp) -> bool {
        matches!(self.standing(now), Some(Standing::Replaced(_)))
    }

    /// Returns why it may not serve until somebody does something, if that is so.
    pub(crate) fn obstacle(&self, now: Timestamp) -> Option<String> {
        match self.standing(now)? {
            Standing::Agreed | Standing::Replaced(_) | Standing::Early => None,
            Standing::Differs(how) => Some(how),
            Standing::Unrecorded => {
                let why = self.state().failed.clone().unwrap_or_default();
                Some(format!("its configuration can't be recorded in the store: {why}"))
            }
        }
    }

    /// Says whether it has told others that it runs, and has found no other server.
    pub(crate) fn is_alone(&self) -> bool {
        let state = self.state();
        state.alone && state.beat_at.is_some()
    }

    /// Joins the running servers, and adopts its configuration if none of them differs. Returns whether the agreement may have
    /// changed since it was last read.
    pub(crate) async fn join(&self, store: &dyn Store, now: Timestamp) -> Result<bool, StoreError> {
        // In this order, so that of two servers that start at once each sees the other, or what the other has adopted.
        self.beat(store, now).await;
        let others = self.others(store, now).await.ok();
        let known = self.state().records.clone();
        self.read(store).await?;
        {
            let mut state = self.state();
            state.joined = true;
            state.alone = others.as_ref().is_some_and(Vec::is_empty);
            state.differing = others.and_then(|others| {
                let differing: Vec<_> = others.into_iter().filter(|other| self.differs(other)).collect();
                // A server that runs now was not killed before, whatever happens to it later.
                let runs = differing.iter().any(|other| self.process.knows_running(&other.process));
                (!runs).then(|| differing.iter().map(|other| (other.id, other.beat_at)).collect())
            });
        }
        let has_changed = known != self.state().records;
        let has_adopted = self.adopt_if_allowed(store, now).await;
        if matches!(self.standing(now), Some(Standing::Agreed | Standing::Replaced(_) | Standing::Early)) {
            self.state().differing = None;
        }
        Ok(has_changed || has_adopted)
    }

    /// Says that it runs, when it is time to, and records its configuration if that is possible now. Returns whether it
    /// tried to change the agreement.
    pub(crate) async fn step(&self, store: &dyn Store, now: Timestamp) -> bool {
        let is_due = self.state().beat_at.is_none_or(|at| now.since(at) >= BEAT_EVERY || at > now);
        if is_due {
            self.beat(store, now).await;
        }
        match self.standing(now) {
            Some(Standing::Differs(_) | Standing::Unrecorded) => {
                self.look_again(store, now).await;
                self.adopt_if_allowed(store, now).await
            }
            _ => false,
        }
    }

    /// Says that it has ended. If that fails, the others notice by themselves.
    pub(crate) async fn leave(&self, store: &dyn Servers) {
        let _ = store.leave(self.id).await;
    }

    async fn beat(&self, store: &dyn Servers, now: Timestamp) {
        let server = RunningServer {
            id: self.id,
            name: self.process.place(),
            process: self.process.text(),
            terms: self.own.text(),
            beat_at: now,
        };
        // Others take a silent server for ended: then they may start with another configuration. Reading the change log
        // reports that the store is unreachable.
        match store.beat(&server).await {
            Ok(()) => self.state().beat_at = Some(now),
            Err(error) => tracing::debug!(%error, "the store can't be told that this server runs"),
        }
    }

    /// Returns the other running servers.
    async fn others(&self, store: &dyn Servers, now: Timestamp) -> Result<Vec<RunningServer>, StoreError> {
        let mut servers = store.servers(now.before(GONE_AFTER)).await?;
        servers.retain(|server| server.id != self.id && !self.process.knows_ended(&server.process));
        Ok(servers)
    }

    fn differs(&self, other: &RunningServer) -> bool {
        Terms::read(&other.terms).as_ref() != Some(&self.own)
    }

    /// Checks again the servers that differed at the start. Those that never said again that they run had been
    /// killed before. If one has, or has ended in good order, it ran, and this server joined it.
    async fn look_again(&self, store: &dyn Servers, now: Timestamp) {
        let Some(differing) = self.state().differing.clone().filter(|differing| !differing.is_empty()) else {
            return;
        };
        let Ok(known) = store.servers(Timestamp::from_millis(0)).await else { return };
        let silent = |(id, at): &([u8; 16], Timestamp)| {
            known.iter().any(|server| server.id == *id && server.beat_at == *at)
        };
        if !differing.iter().all(silent) {
            self.state().differing = None;
            return;
        }
        let Ok(others) = self.others(store, now).await else { return };
        if !others.iter().any(|other| self.differs(other)) {
            self.state().differing = Some(Vec::new());
        }
    }

    /// Adopts its configuration if it may. Returns whether it tried to, so that the agreement must be read again.
    async fn adopt_if_allowed(&self, store: &dyn Store, now: Timestamp) -> bool {
        let by = format!("a server on {}, tollgate {}", self.process.place(), env!("CARGO_PKG_VERSION"));
        let adoption = {
            let state = self.state();
            let is_first = state.records.current().is_none();
            let is_unopposed = state.differing.as_ref().is_some_and(Vec::is_empty);
            if state.records.agree_on(&self.own) || !(is_first || is_unopposed) {
                return false;
            }
            state.records.succeeded_by(&self.own, &by, now)
        };
        let record = Draft {
            after: Some(self.own.text()),
            ..Draft::new(now, self.actor(), "configuration.adopt", Object::Configuration)
        };
        match store.adopt(&adoption, &self.trail.act(record)).await {
            Ok(adopted) => {
                if adopted && adoption.predecessor.is_some() {
                    tracing::info!(
                        "the servers of this store agree on this server's configuration from now on"
                    );
                }
                // A server that started meanwhile may have read the earlier agreement.
                let is_alone = self.others(store, now).await.is_ok_and(|others| others.is_empty());
                let mut state = self.state();
                state.alone = is_alone;
                state.differing = None;
                true
            }
            Err(error) => {
                self.state().failed = Some(error.to_string());
                false
            }
        }
    }

    /// Returns the actor for what the server does by itself.
    pub(crate) fn actor(&self) -> Actor {
        self.process.acting()
    }

    /// Locks the state. Nothing panics while it holds the lock, so a poisoned lock is safe to use.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
