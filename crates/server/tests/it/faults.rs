//! A store that fails when it is told to, in front of the real one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tollgate_core::{
    ClientId, Environment, KeyId, MerchantId, PaymentRequestId, Revocation, SecretId, Timestamp,
};
use tollgate_store::{
    Adoption, Agreement, Alone, Answer, Begun, Candidacy, Change, Client, IdempotencyScope, Lease, Merchant,
    Part, PaymentRequest, PaymentStatus, Position, RunningServer, Secret, SigningKey, Sqlite, Status, Store,
    StoreError, TimePassed,
};

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

macro_rules! delegated {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Faulty {
            async fn now(&self) -> Result<Timestamp, StoreError> {
                let set = self.faults.0.lock().unwrap().clock;
                match (self.faults.called("now"), set) {
                    (Some(_), _) => Err(StoreError::Unavailable(FAILED.to_owned())),
                    (None, Some(now)) => Ok(now),
                    (None, None) => self.store.now().await,
                }
            }

            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                match self.faults.called(stringify!($name)) {
                    None => self.store.$name($($argument),*).await,
                    Some(Fault::Refuses) => Err(StoreError::Unavailable(FAILED.to_owned())),
                    Some(Fault::AnswerLost) => {
                        self.store.$name($($argument),*).await?;
                        Err(StoreError::OutcomeUnknown(FAILED.to_owned()))
                    }
                    Some(Fault::Hangs) => std::future::pending().await,
                    Some(Fault::Panics) => panic!("{FAILED}"),
                }
            })*
        }
    };
}

delegated! {
    install(check: &[u8], key: &SigningKey) -> Vec<u8>;
    in_place() -> ();
    installation() -> Option<Vec<u8>>;
    longest_lifetime(at_least: Duration) -> Duration;
    time_passed() -> Option<TimePassed>;
    note_time_passed(passed: &TimePassed) -> ();
    signing_keys() -> Vec<SigningKey>;
    add_signing_key(key: &SigningKey, others_retire_at: Timestamp) -> ();
    replace_signing_keys(key: &SigningKey) -> ();
    succeed_signing_key(predecessor: KeyId, key: &SigningKey, others_retire_at: Timestamp) -> bool;
    elect(candidacy: &Candidacy, now: Timestamp) -> bool;
    resign(candidacy: &Candidacy) -> ();
    agreements() -> Vec<Agreement>;
    adopt(adoption: &Adoption) -> bool;
    beat(server: &RunningServer) -> ();
    leave(server: [u8; 16]) -> ();
    servers(since: Timestamp) -> Vec<RunningServer>;
    last_change() -> Position;
    changes_since(after: Position, limit: u32) -> Option<Vec<Change>>;
    revocations(now: Timestamp) -> Vec<Revocation>;
    revoke(revocation: &Revocation, now: Timestamp) -> ();
    create_merchant(merchant: &Merchant) -> ();
    merchant(id: MerchantId) -> Option<Merchant>;
    merchants(after: Option<MerchantId>, limit: u32) -> Vec<Merchant>;
    set_merchant_status(id: MerchantId, status: Status, now: Timestamp) -> bool;
    create_client(client: &Client) -> bool;
    client(id: ClientId) -> Option<Client>;
    clients(merchant: Option<MerchantId>, after: Option<ClientId>, limit: u32) -> Vec<Client>;
    client_ids(after: Option<ClientId>, limit: u32) -> Vec<ClientId>;
    set_client_status(id: ClientId, status: Status, now: Timestamp) -> bool;
    delete_client(id: ClientId, now: Timestamp) -> bool;
    add_secret(client: ClientId, secret: &Secret, others_expire_at: Option<Timestamp>, now: Timestamp) -> bool;
    revoke_secret(client: ClientId, secret: SecretId, now: Timestamp) -> bool;
    start_serving(alone: Option<Alone>) -> u64;
    begin(lease: &Lease, now: Timestamp) -> Begun;
    abandon(lease: &Lease) -> ();
    is_taken(scope: &IdempotencyScope, now: Timestamp) -> bool;
    create_payment_request(request: &PaymentRequest, answer: Option<(&Lease, &Answer)>) -> bool;
    payment_request(id: PaymentRequestId) -> Option<PaymentRequest>;
    payment_requests(
        merchant: MerchantId,
        environment: Environment,
        after: Option<(Timestamp, PaymentRequestId)>,
        limit: u32
    ) -> Vec<PaymentRequest>;
    decide_payment_request(id: PaymentRequestId, status: PaymentStatus, now: Timestamp) -> Option<PaymentRequest>;
    purge(now: Timestamp) -> u64;
    export(parts: mpsc::Sender<Part>) -> ();
    import(parts: mpsc::Receiver<Part>) -> bool;
}
