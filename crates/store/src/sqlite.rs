//! The embedded backend: one SQLite file, one thread that writes, a few that read.
//!
//! Methods queue a closure and wait for its answer, so that no task ever blocks on the disk. What the closures do
//! stands in the modules below, by subject.

mod agreement;
mod changes;
mod clients;
mod column;
mod documents;
mod elected;
mod error;
mod idempotency;
mod installation;
mod merchants;
mod open;
mod place;
mod queue;
mod reader;
mod serving;
#[cfg(test)]
mod tests;
mod time;
mod transfer;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tollgate_core::{ClientId, KeyId, MerchantId, Revocation, SecretId, Timestamp};

use crate::{
    Adoption, Agreement, Alone, Answer, Begun, Candidacy, Change, Changed, Client, Document,
    IdempotencyScope, Lease, Merchant, PURGED_AT_ONCE, Part, Position, RETIRED_KEPT, RunningServer, Secret,
    SigningKey, Status, Store, StoreError,
};
use place::Place;
use queue::Queue;
use reader::Read;
use serving::Serving;
use writer::{Durability, Job, Write, Writer};

/// The most jobs that wait, for the writer and for the readers; one more is refused.
const QUEUE: usize = 4096;

/// One that is busy with a page of clients must not hold up a login.
const READERS: usize = 2;

/// A store in one SQLite file, which several processes on the same machine may have open.
///
/// Dropping it waits for what was asked for, and closes the file.
pub struct Sqlite {
    writes: Arc<Queue<Box<dyn Job>>>,
    reads: Arc<Queue<Read>>,
    readers: Vec<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
    place: Place,
    /// Held for as long as this process serves.
    serving: Serving,
}

impl Sqlite {
    /// Opens the store at `path`; creates it, readable by its owner alone, if there is none. Its folder must exist.
    ///
    /// The error says what is wrong and what to do. Blocks while it works, at most some seconds.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        open::create(path)?;
        Self::with(path, open::to_write(path, open::Empty::Filled)?)
    }

    /// Opens the store at `path`, which must exist: a mistyped path must not become a new and empty store.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        Self::with(path, open::to_write(path, open::Empty::Refused)?)
    }

    fn with(path: &Path, connection: Connection) -> Result<Self, StoreError> {
        let (writes, reads) = (Arc::new(Queue::new(QUEUE)), Arc::new(Queue::new(QUEUE)));
        let place = Place::of(path)?;
        let mut store = Self {
            writes: Arc::clone(&writes),
            reads,
            readers: Vec::new(),
            writer: None,
            place: place.clone(),
            serving: Serving::beside(path),
        };
        for _ in 0..READERS {
            let (connection, queue) = (open::to_read(path)?, Arc::clone(&store.reads));
            store.readers.push(spawn("store-reader", move || reader::run(&connection, &queue))?);
        }
        let thread = Writer::new(place, connection);
        store.writer = Some(spawn("store-writer", move || thread.run(&writes))?);
        Ok(store)
    }

    /// Has `work` done by a thread that reads, and waits for its answer.
    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.reads.push(Box::new(move |connection| {
            // Nobody listening is no error: the caller went away.
            let _ = reply.send(work(connection).map_err(StoreError::from));
        }))?;
        answer.await.unwrap_or_else(|_| Err(failed_inside()))
    }

    /// Has `work` done in a transaction by the thread that writes, and waits until it is committed.
    async fn write<T, F>(&self, durability: Durability, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.writes.push(Box::new(Write::new(durability, work, reply)))?;
        // The thread has ended, and nobody can say when.
        let lost = |_| Err(StoreError::OutcomeUnknown("it failed inside".to_owned()));
        answer.await.unwrap_or_else(lost)
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|_| StoreError::Unavailable("no thread could be started".to_owned()))
}

fn failed_inside() -> StoreError {
    StoreError::Unavailable("it failed inside".to_owned())
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // The writer is the last: only when nobody else has the file open can SQLite tidy up beside it.
        self.reads.close();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        self.writes.close();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn in_place(&self) -> Result<(), StoreError> {
        let place = self.place.clone();
        self.read(move |_| Ok(place.check())).await?
    }

    async fn install(&self, check: &[u8], key: &SigningKey) -> Result<Vec<u8>, StoreError> {
        let (check, key) = (check.to_owned(), key.clone());
        self.write(Durability::Power, move |connection| installation::install(connection, &check, &key)).await
    }

    async fn installation(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(installation::check).await
    }

    async fn longest_lifetime(&self, at_least: Duration) -> Result<Duration, StoreError> {
        let longest = self.read(installation::longest_lifetime).await?;
        if longest >= at_least {
            return Ok(longest);
        }
        self.write(Durability::Power, move |connection| {
            installation::raise_longest_lifetime(connection, at_least)
        })
        .await
    }

    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        self.read(installation::signing_keys).await
    }

    async fn add_signing_key(&self, key: &SigningKey, others_retire_at: Timestamp) -> Result<(), StoreError> {
        let key = key.clone();
        self.write(Durability::Power, move |connection| {
            installation::add_signing_key(connection, &key, others_retire_at)
        })
        .await
    }

    async fn replace_signing_keys(&self, key: &SigningKey) -> Result<(), StoreError> {
        let key = key.clone();
        self.write(Durability::Power, move |connection| installation::replace_signing_keys(connection, &key))
            .await
    }

    async fn succeed_signing_key(
        &self,
        predecessor: KeyId,
        key: &SigningKey,
        others_retire_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = key.clone();
        self.write(Durability::Power, move |connection| {
            installation::succeed_signing_key(connection, predecessor, &key, others_retire_at)
        })
        .await
    }

    async fn elect(&self, candidacy: &Candidacy, now: Timestamp) -> Result<bool, StoreError> {
        let candidacy = candidacy.clone();
        self.write(Durability::Process, move |connection| elected::elect(connection, &candidacy, now)).await
    }

    async fn resign(&self, candidacy: &Candidacy) -> Result<(), StoreError> {
        let candidacy = candidacy.clone();
        self.write(Durability::Process, move |connection| elected::resign(connection, &candidacy)).await
    }

    async fn agreements(&self) -> Result<Vec<Agreement>, StoreError> {
        self.read(agreement::agreements).await
    }

    async fn adopt(&self, adoption: &Adoption) -> Result<bool, StoreError> {
        let adoption = adoption.clone();
        self.write(Durability::Power, move |connection| agreement::adopt(connection, &adoption)).await
    }

    async fn beat(&self, server: &RunningServer) -> Result<(), StoreError> {
        let server = server.clone();
        self.write(Durability::Process, move |connection| agreement::beat(connection, &server)).await
    }

    async fn leave(&self, server: [u8; 16]) -> Result<(), StoreError> {
        self.write(Durability::Process, move |connection| agreement::leave(connection, server)).await
    }

    async fn servers(&self, since: Timestamp) -> Result<Vec<RunningServer>, StoreError> {
        self.read(move |connection| agreement::servers(connection, since)).await
    }

    async fn last_change(&self) -> Result<Position, StoreError> {
        self.read(changes::last).await
    }

    async fn changes_since(&self, after: Position, limit: u32) -> Result<Option<Vec<Change>>, StoreError> {
        self.read(move |connection| changes::since(connection, after, limit)).await
    }

    async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        self.read(move |connection| changes::revocations(connection, now)).await
    }

    async fn revoke(&self, revocation: &Revocation, now: Timestamp) -> Result<(), StoreError> {
        let change = Changed::Revocation(*revocation);
        self.write(Durability::Power, move |connection| changes::record(connection, change, now)).await
    }

    async fn create_merchant(&self, merchant: &Merchant) -> Result<(), StoreError> {
        let merchant = merchant.clone();
        self.write(Durability::Power, move |connection| merchants::create(connection, &merchant)).await
    }

    async fn merchant(&self, id: MerchantId) -> Result<Option<Merchant>, StoreError> {
        self.read(move |connection| merchants::one(connection, id)).await
    }

    async fn merchants(&self, after: Option<MerchantId>, limit: u32) -> Result<Vec<Merchant>, StoreError> {
        self.read(move |connection| merchants::page(connection, after, limit)).await
    }

    async fn set_merchant_status(
        &self,
        id: MerchantId,
        status: Status,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(Durability::Power, move |connection| merchants::set_status(connection, id, status, now))
            .await
    }

    async fn create_client(&self, client: &Client) -> Result<bool, StoreError> {
        let client = client.clone();
        self.write(Durability::Power, move |connection| clients::create(connection, &client)).await
    }

    async fn client(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        self.read(move |connection| clients::one(connection, id)).await
    }

    async fn clients(
        &self,
        merchant: Option<MerchantId>,
        after: Option<ClientId>,
        limit: u32,
    ) -> Result<Vec<Client>, StoreError> {
        self.read(move |connection| clients::page(connection, merchant, after, limit)).await
    }

    async fn client_ids(&self, after: Option<ClientId>, limit: u32) -> Result<Vec<ClientId>, StoreError> {
        self.read(move |connection| clients::ids(connection, after, limit)).await
    }

    async fn set_client_status(
        &self,
        id: ClientId,
        status: Status,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(Durability::Power, move |connection| clients::set_status(connection, id, status, now))
            .await
    }

    async fn delete_client(&self, id: ClientId, now: Timestamp) -> Result<bool, StoreError> {
        self.write(Durability::Power, move |connection| clients::delete(connection, id, now)).await
    }

    async fn add_secret(
        &self,
        client: ClientId,
        secret: &Secret,
        others_expire_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let secret = secret.clone();
        self.write(Durability::Power, move |connection| {
            clients::add_secret(connection, client, &secret, others_expire_at, now)
        })
        .await
    }

    async fn revoke_secret(
        &self,
        client: ClientId,
        secret: SecretId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(Durability::Power, move |connection| {
            clients::revoke_secret(connection, client, secret, now)
        })
        .await
    }

    async fn start_serving(&self, _alone: Option<Alone>) -> Result<u64, StoreError> {
        let alone = self.serving.try_alone().await?;
        let freed = if alone { self.write(Durability::Process, idempotency::free_leases).await? } else { 0 };
        self.serving.share().await?;
        Ok(freed)
    }

    async fn begin(&self, lease: &Lease, now: Timestamp) -> Result<Begun, StoreError> {
        let lease = lease.clone();
        self.write(Durability::Process, move |connection| idempotency::begin(connection, &lease, now)).await
    }

    async fn abandon(&self, lease: &Lease) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write(Durability::Process, move |connection| idempotency::abandon(connection, &lease)).await
    }

    async fn is_taken(&self, scope: &IdempotencyScope, now: Timestamp) -> Result<bool, StoreError> {
        let scope = scope.clone();
        self.read(move |connection| idempotency::is_taken(connection, &scope, now)).await
    }

    async fn complete(
        &self,
        lease: &Lease,
        answer: &Answer,
        document: &Document,
    ) -> Result<bool, StoreError> {
        let (lease, answer, document) = (lease.clone(), answer.clone(), document.clone());
        self.write(Durability::Power, move |connection| {
            let held = idempotency::answer(connection, &lease, &answer)?;
            if held {
                documents::add(connection, &document)?;
            }
            Ok(held)
        })
        .await
    }

    async fn purge(&self, now: Timestamp) -> Result<u64, StoreError> {
        // What a power cut brings back is purged again.
        self.write(Durability::Process, move |connection| {
            let keys = idempotency::purge(connection, now, PURGED_AT_ONCE)?;
            let changes = changes::purge(connection, now, PURGED_AT_ONCE)?;
            let retired = installation::purge(connection, now.before(RETIRED_KEPT))?;
            Ok((keys + changes + retired) as u64)
        })
        .await
    }

    async fn export(&self, parts: mpsc::Sender<Part>) -> Result<(), StoreError> {
        self.read(move |connection| transfer::export(connection, &parts)).await
    }

    async fn import(&self, mut parts: mpsc::Receiver<Part>) -> Result<bool, StoreError> {
        self.write(Durability::Power, move |connection| transfer::import(connection, &mut parts)).await
    }
}
