//! A store that fails when it is told to, in front of the real one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tollgate_core::{ClientId, Environment, KeyId, MerchantId, Revocation, SecretId, Timestamp};
use tollgate_keys::{Link, SecretHash};
use tollgate_store::{
    Act, Adoption, Agreement, Agreements, Alone, Answer, Begun, Change, ChangeLog, Client, ClientUpdate,
    Clients, Completed, Connections, Creation, Document, Documents, Idempotency, IdempotencyScope,
    Installation, Integrity, Keys, LeaderLease, Lease, Measured, Measures, Merchant, Merchants, Part,
    Position, Purge, Queued, Record, RecordFilter, RecordOrder, Revocations, RunningServer, Schema, Seal,
    Secret, SecretUse, SecretUses, Servers, SigningKey, Status, Store, StoreError, Time, TimePassed, Trail,
    TrailEnds, Transfer, Uses, Version,
};
use tollgate_store_sqlite::Sqlite;

/// How a method fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does nothing, and says so.
    Refuses,
    /// It does as asked, and its answer is lost on its way.
    AnswerLost,
    /// It never answers.
    Hangs,
    /// It panics.
    Panics,
}

/// Which methods fail now, by their names, and how often each was called.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Methods>>);

#[derive(Default)]
struct Methods {
    faults: HashMap<&'static str, Fault>,
    /// Whether every method fails, as for a server that is cut off from its store.
    cut_off: bool,
    calls: HashMap<&'static str, usize>,
    /// What the store's clock shows, if the test says so.
    clock: Option<Timestamp>,
}

impl Faults {
    pub(crate) fn set(&self, method: &'static str, fault: Fault) {
        self.0.lock().unwrap().faults.insert(method, fault);
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().faults.clear();
    }

    /// Cuts a server off from its store, or not any more.
    pub(crate) fn cut_off(&self, cut_off: bool) {
        self.0.lock().unwrap().cut_off = cut_off;
    }

    /// Sets the store's clock.
    pub(crate) fn set_clock(&self, now: Timestamp) {
        self.0.lock().unwrap().clock = Some(now);
    }

    /// How often each method was called since this was last asked.
    pub(crate) fn take_calls(&self) -> HashMap<&'static str, usize> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    fn called(&self, method: &'static str) -> Option<Fault> {
        let mut methods = self.0.lock().unwrap();
        *methods.calls.entry(method).or_default() += 1;
        if methods.cut_off { Some(Fault::Refuses) } else { methods.faults.get(method).copied() }
    }

    pub(crate) fn in_front_of(&self, store: Sqlite) -> Arc<dyn Store> {
        Arc::new(Faulty { store, faults: self.clone() })
    }
}

struct Faulty {
    store: Sqlite,
    faults: Faults,
}

const FAILED: &str = "a fault of the test: /var/lib/secret.db";

impl Faulty {
    /// Makes a call, unless its method is to fail.
    async fn through<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match self.faults.called(method) {
            None => call.await,
            Some(Fault::Refuses) => Err(StoreError::Unavailable(FAILED.to_owned())),
            Some(Fault::AnswerLost) => {
                call.await?;
                Err(StoreError::OutcomeUnknown(FAILED.to_owned()))
            }
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::Panics) => panic!("{FAILED}"),
        }
    }
}

impl Measured for Faulty {
    fn measures(&self) -> &Measures {
        self.store.measures()
    }

    fn queued(&self) -> Vec<Queued> {
        self.store.queued()
    }

    fn connections(&self) -> Option<Connections> {
        self.store.connections()
    }
}

#[async_trait]
impl Time for Faulty {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        let set = self.faults.0.lock().unwrap().clock;
        self.through("now", async {
            match set {
                Some(now) => Ok(now),
                None => self.store.now().await,
            }
        })
        .await
    }

    async fn time_passed(&self) -> Result<Option<TimePassed>, StoreError> {
        self.through("time_passed", self.store.time_passed()).await
    }

    async fn note_time_passed(&self, passed: &TimePassed) -> Result<(), StoreError> {
        self.through("note_time_passed", self.store.note_time_passed(passed)).await
    }
}

macro_rules! delegated {
    ($($subject:ident { $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)* })*) => {
        $(
            #[async_trait]
            impl $subject for Faulty {
                $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                    self.through(stringify!($name), self.store.$name($($argument),*)).await
                })*
            }
        )*
    };
}

delegated! {
    Agreements {
        agreements() -> Vec<Agreement>;
        adopt(adoption: &Adoption, act: &Act) -> bool;
    }
    ChangeLog {
        last_change() -> Position;
        changes_since(after: Position, limit: u32) -> Option<Vec<Change>>;
    }
    Clients {
        create_client(client: &Client, act: &Act) -> bool;
        create_clients(clients: &[Client], act: &Act) -> bool;
        existing_clients(ids: &[ClientId]) -> Vec<ClientId>;
        client(id: ClientId) -> Option<Client>;
        clients(merchant: Option<MerchantId>, after: Option<ClientId>, limit: u32) -> Vec<Client>;
        client_ids(after: Option<ClientId>, limit: u32) -> Vec<ClientId>;
        set_client_status(id: ClientId, status: Status, now: Timestamp, act: &Act) -> bool;
        end_client_tokens(id: ClientId, now: Timestamp, act: &Act) -> bool;
        update_client(
            id: ClientId,
            update: &ClientUpdate,
            only: Option<Version>,
            now: Timestamp,
            act: &Act
        ) -> bool;
        delete_client(id: ClientId, only: Option<Version>, now: Timestamp, act: &Act) -> bool;
        add_secret(
            client: ClientId,
            secret: &Secret,
            others_expire_at: Option<Timestamp>,
            now: Timestamp,
            act: &Act
        ) -> bool;
        revoke_secret(client: ClientId, secret: SecretId, now: Timestamp, act: &Act) -> bool;
        rehash_secret(
            client: ClientId,
            secret: SecretId,
            hash: &SecretHash,
            now: Timestamp,
            act: &Act
        ) -> bool;
    }
    Documents {
        add_document(document: &Document) -> ();
        document(kind: &'static str, id: [u8; 16]) -> Option<Document>;
        documents(
            kind: &'static str,
            merchant: MerchantId,
            environment: Environment,
            after: Option<(Timestamp, [u8; 16])>,
            limit: u32
        ) -> Vec<Document>;
        change_document(
            kind: &'static str,
            id: [u8; 16],
            from: &str,
            to: &str,
            now: Timestamp
        ) -> Option<Document>;
    }
    Idempotency {
        begin(lease: &Lease, now: Timestamp) -> Begun;
        complete(lease: &Lease, answer: &Answer, document: &Document) -> bool;
        complete_creation(
            lease: &Lease,
            answer: &Answer,
            creation: &Creation,
            now: Timestamp,
            act: &Act
        ) -> Completed;
        abandon(lease: &Lease) -> ();
        is_taken(scope: &IdempotencyScope, now: Timestamp) -> bool;
    }
    Installation {
        install(check: &[u8], key: &SigningKey, act: &Act) -> Vec<u8>;
        installation() -> Option<Seal>;
        reseal(from: &[u8], seal: &Seal, keys: &[(KeyId, Vec<u8>)], now: Timestamp, act: &Act) -> bool;
        in_place() -> ();
        schema() -> Schema;
        longest_lifetime(at_least: Duration) -> Duration;
    }
    Integrity {
        damage() -> Vec<String>;
    }
    Keys {
        signing_keys() -> Vec<SigningKey>;
        add_signing_key(key: &SigningKey, others_retire_at: Timestamp, act: &Act) -> ();
        replace_signing_keys(key: &SigningKey, act: &Act) -> ();
        succeed_signing_key(
            predecessor: KeyId,
            key: &SigningKey,
            others_retire_at: Timestamp,
            act: &Act
        ) -> bool;
    }
    Merchants {
        create_merchant(merchant: &Merchant, act: &Act) -> ();
        merchant(id: MerchantId) -> Option<Merchant>;
        merchants(after: Option<MerchantId>, limit: u32) -> Vec<Merchant>;
        set_merchant_status(id: MerchantId, status: Status, now: Timestamp, act: &Act) -> bool;
        end_merchant_tokens(id: MerchantId, now: Timestamp, act: &Act) -> bool;
        rename_merchant(
            id: MerchantId,
            name: &str,
            only: Option<Version>,
            now: Timestamp,
            act: &Act
        ) -> bool;
        delete_merchant(id: MerchantId, only: Option<Version>, now: Timestamp, act: &Act) -> bool;
    }
    Purge {
        purge(now: Timestamp) -> u64;
    }
    Revocations {
        revocations(now: Timestamp) -> Vec<Revocation>;
        revocations_after(after: u64, now: Timestamp, limit: u32) -> Vec<(u64, Revocation)>;
        revoke(revocation: &Revocation, now: Timestamp, act: &Act) -> ();
    }
    Servers {
        beat(server: &RunningServer) -> ();
        leave(server: [u8; 16]) -> ();
        servers(since: Timestamp) -> Vec<RunningServer>;
        start_serving(alone: Option<Alone>) -> u64;
        lead(lease: &LeaderLease, now: Timestamp) -> bool;
        stop_leading(lease: &LeaderLease) -> ();
    }
    Trail {
        trail() -> TrailEnds;
        record(act: &Act) -> ();
        records(wanted: &RecordFilter, order: RecordOrder, after: Option<u64>, limit: u32) -> Vec<Record>;
        streamed() -> u64;
        note_streamed(through: u64) -> ();
        purge_records(until: Link, act: &Act) -> u64;
    }
    Uses {
        note_uses(uses: &[SecretUse]) -> ();
        uses(client: ClientId) -> Vec<SecretUses>;
        last_uses(clients: &[ClientId]) -> Vec<(SecretId, Timestamp)>;
        forget_sources(before: Timestamp) -> u64;
    }
    Transfer {
        export(parts: mpsc::Sender<Part>) -> ();
        import(parts: mpsc::Receiver<Part>) -> bool;
    }
}
