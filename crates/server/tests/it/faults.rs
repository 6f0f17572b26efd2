//! A store that fails when it is told to, in front of the real one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::mpsc;
use tollgate_core::{
    ClientId, Environment, KeyId, MerchantId, PaymentRequestId, Revocation, SecretId, Timestamp,
};
use tollgate_store::{
    Answer, Begun, Candidacy, Change, Client, IdempotencyScope, Lease, Merchant, Part, PaymentRequest,
    PaymentStatus, Position, Secret, SigningKey, Sqlite, Status, Store, StoreError,
};

/// How a method fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does nothing, and says so.
    Refuses,
    /// It does as asked, and its answer is lost on its way.
    AnswerLost,
    /// It panics.
    Panics,
}

/// Which methods fail now, by their names.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<HashMap<&'static str, Fault>>>);

impl Faults {
    pub(crate) fn set(&self, method: &'static str, fault: Fault) {
        self.0.lock().unwrap().insert(method, fault);
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    fn of(&self, method: &str) -> Option<Fault> {
        self.0.lock().unwrap().get(method).copied()
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
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                match self.faults.of(stringify!($name)) {
                    None => self.store.$name($($argument),*).await,
                    Some(Fault::Refuses) => Err(StoreError::Unavailable(FAILED.to_owned())),
                    Some(Fault::AnswerLost) => {
                        self.store.$name($($argument),*).await?;
                        Err(StoreError::OutcomeUnknown(FAILED.to_owned()))
                    }
                    Some(Fault::Panics) => panic!("{FAILED}"),
                }
            })*
        }
    };
}

delegated! {
    install(check: &[u8], key: &SigningKey) -> Vec<u8>;
    installation() -> Option<Vec<u8>>;
    signing_keys() -> Vec<SigningKey>;
    add_signing_key(key: &SigningKey, others_retire_at: Timestamp) -> ();
    succeed_signing_key(predecessor: KeyId, key: &SigningKey, others_retire_at: Timestamp) -> bool;
    elect(candidacy: &Candidacy, now: Timestamp) -> bool;
    resign(candidacy: &Candidacy) -> ();
    last_change() -> Position;
    changes_since(after: Position, limit: u32) -> Option<Vec<Change>>;
    revocations(now: Timestamp) -> Vec<Revocation>;
    revoke(revocation: &Revocation, now: Timestamp) -> ();
    create_merchant(merchant: &Merchant) -> ();
    merchant(id: MerchantId) -> Option<Merchant>;
    merchants(after: Option<MerchantId>, limit: u32) -> Vec<Merchant>;
    set_merchant_status(id: MerchantId, status: Status, now: Timestamp, tokens_expire_at: Timestamp) -> bool;
    create_client(client: &Client) -> bool;
    client(id: ClientId) -> Option<Client>;
    clients(merchant: Option<MerchantId>, after: Option<ClientId>, limit: u32) -> Vec<Client>;
    client_ids(after: Option<ClientId>, limit: u32) -> Vec<ClientId>;
    set_client_status(id: ClientId, status: Status, now: Timestamp, tokens_expire_at: Timestamp) -> bool;
    delete_client(id: ClientId, now: Timestamp, tokens_expire_at: Timestamp) -> bool;
    add_secret(client: ClientId, secret: &Secret, others_expire_at: Option<Timestamp>, now: Timestamp) -> bool;
    revoke_secret(client: ClientId, secret: SecretId, now: Timestamp, tokens_expire_at: Timestamp) -> bool;
    start_serving() -> u64;
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
