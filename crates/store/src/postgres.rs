//! The backend for many nodes: PostgreSQL 15 or later, also behind a pooler in transaction mode.
//!
//! A method is a statement, or two where one must see what the other waited for, sent in one round trip and committed
//! together. Every statement could be run by an engine that shards the tables (`sharding.rs` in the tests): no guarantee
//! is kept by an advisory lock, a session or a foreign key between shards. What the statements do stands in the modules below, by subject; the pool says what happens when one fails.

mod address;
mod agreement;
mod changes;
mod clients;
mod clock;
mod column;
mod documents;
mod elected;
mod error;
mod group;
mod idempotency;
mod installation;
mod members;
mod merchants;
mod migrate;
mod pool;
#[cfg(test)]
mod tests;
mod time;
mod tls;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_postgres::Row;
use tollgate_core::{ClientId, KeyId, MerchantId, Revocation, SecretId, Timestamp};

use crate::{
    Adoption, Agreement, Alone, Answer, Begun, Candidacy, Change, Client, Document, IdempotencyScope, Lease,
    Merchant, Part, Position, RETIRED_KEPT, RunningServer, Secret, SigningKey, Status, Store, StoreError,
};
use clock::Clock;
use column::{Param, unsigned};
use documents::Complete;
use group::Group;
use idempotency::Begin;
use installation::Others;
use migrate::Empty;
use pool::{Pool, Statement, Transaction};

pub use address::PostgresAddress;
pub use pool::PostgresOptions;

/// A store in a PostgreSQL database, which any number of processes on any number of machines may have open.
///
/// It needs the tokio runtime that it was opened in for as long as it lives.
pub struct Postgres {
    pool: Arc<Pool>,
    clock: Clock,
    begins: Arc<Group<Begin>>,
    completions: Arc<Group<Complete>>,
}

impl Postgres {
    /// Opens the store, and creates its tables or brings them up to date where that is needed.
    ///
    /// The error says what is wrong and what to do.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        Self::with(options, Empty::Filled).await
    }

    /// Opens the store, which must exist: a mistyped name must not become a new and empty store. Its tables are brought
    /// up to date where that is needed.
    pub async fn open_existing(options: PostgresOptions) -> Result<Self, StoreError> {
        Self::with(options, Empty::Refused).await
    }

    async fn with(options: PostgresOptions, empty: Empty) -> Result<Self, StoreError> {
        let patience = options.statement_timeout;
        let store = Self {
            pool: Arc::new(Pool::new(options)?),
            clock: Clock::Database,
            begins: Group::new(),
            completions: Group::new(),
        };
        migrate::migrate(&store.pool.connect().await?, patience, empty).await?;
        Ok(store)
    }

    /// Reads. It is sent again if the connection breaks.
    async fn read(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        let statements = &[Statement { sql, params }];
        self.pool.run(Transaction { statements, repeatable: true }).await.map(last)
    }

    /// Reads the first row.
    async fn read_one(&self, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.read(sql, params).await?.into_iter().next())
    }

    /// Writes, in a transaction of its own.
    async fn write(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.write_all(&[Statement { sql, params }]).await.map(last)
    }

    /// Writes, and says how many rows.
    async fn write_count(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        self.write(sql, params).await?.first().map_or(Ok(0), |row| unsigned(row, 0))
    }

    /// Writes once it has what `lock` takes, and with all in view that was committed until then.
    async fn write_locked(
        &self,
        lock: (&str, &[Param<'_>]),
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let lock = Statement { sql: lock.0, params: lock.1 };
        self.write_all(&[lock, Statement { sql, params }]).await.map(last)
    }

    /// Writes several things that are committed together. Returns the rows of each.
    async fn write_all(&self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        self.pool.run(Transaction { statements, repeatable: false }).await
    }
}

/// The rows of the last statement.
fn last(mut rows: Vec<Vec<Row>>) -> Vec<Row> {
    rows.pop().unwrap_or_default()
}

#[async_trait]
impl Store for Postgres {
    async fn install(&self, check: &[u8], key: &SigningKey) -> Result<Vec<u8>, StoreError> {
        installation::install(self, check, key).await
    }

    async fn installation(&self) -> Result<Option<Vec<u8>>, StoreError> {
        installation::check(self).await
    }

    async fn longest_lifetime(&self, at_least: Duration) -> Result<Duration, StoreError> {
        installation::longest_lifetime(self, at_least).await
    }

    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        installation::signing_keys(self).await
    }

    async fn add_signing_key(&self, key: &SigningKey, others_retire_at: Timestamp) -> Result<(), StoreError> {
        installation::add_signing_key(self, Others::Retire(others_retire_at), key).await.map(drop)
    }

    async fn replace_signing_keys(&self, key: &SigningKey) -> Result<(), StoreError> {
        installation::add_signing_key(self, Others::Compromised, key).await.map(drop)
    }

    async fn succeed_signing_key(
        &self,
        predecessor: KeyId,
        key: &SigningKey,
        others_retire_at: Timestamp,
    ) -> Result<bool, StoreError> {
        installation::add_signing_key(self, Others::Succeeded(predecessor, others_retire_at), key).await
    }

    async fn elect(&self, candidacy: &Candidacy, now: Timestamp) -> Result<bool, StoreError> {
        elected::elect(self, candidacy, now).await
    }

    async fn resign(&self, candidacy: &Candidacy) -> Result<(), StoreError> {
        elected::resign(self, candidacy).await
    }

    async fn agreements(&self) -> Result<Vec<Agreement>, StoreError> {
        agreement::agreements(self).await
    }

    async fn adopt(&self, adoption: &Adoption) -> Result<bool, StoreError> {
        agreement::adopt(self, adoption).await
    }

    async fn beat(&self, server: &RunningServer) -> Result<(), StoreError> {
        agreement::beat(self, server).await
    }

    async fn leave(&self, server: [u8; 16]) -> Result<(), StoreError> {
        agreement::leave(self, server).await
    }

    async fn servers(&self, since: Timestamp) -> Result<Vec<RunningServer>, StoreError> {
        agreement::servers(self, since).await
    }

    async fn last_change(&self) -> Result<Position, StoreError> {
        changes::last(self).await
    }

    async fn changes_since(&self, after: Position, limit: u32) -> Result<Option<Vec<Change>>, StoreError> {
        changes::since(self, after, limit).await
    }

    async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        changes::revocations(self, now).await
    }

    async fn revoke(&self, revocation: &Revocation, _now: Timestamp) -> Result<(), StoreError> {
        changes::revoke(self, revocation).await
    }

    async fn create_merchant(&self, merchant: &Merchant) -> Result<(), StoreError> {
        merchants::create(self, merchant).await
    }

    async fn merchant(&self, id: MerchantId) -> Result<Option<Merchant>, StoreError> {
        merchants::one(self, id).await
    }

    async fn merchants(&self, after: Option<MerchantId>, limit: u32) -> Result<Vec<Merchant>, StoreError> {
        merchants::page(self, after, limit).await
    }

    async fn set_merchant_status(
        &self,
        id: MerchantId,
        status: Status,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        merchants::set_status(self, id, status, now).await
    }

    async fn create_client(&self, client: &Client) -> Result<bool, StoreError> {
        clients::create(self, client).await
    }

    async fn client(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        clients::one(self, id).await
    }

    async fn clients(
        &self,
        merchant: Option<MerchantId>,
        after: Option<ClientId>,
        limit: u32,
    ) -> Result<Vec<Client>, StoreError> {
        clients::page(self, merchant, after, limit).await
    }

    async fn client_ids(&self, after: Option<ClientId>, limit: u32) -> Result<Vec<ClientId>, StoreError> {
        clients::ids(self, after, limit).await
    }

    async fn set_client_status(
        &self,
        id: ClientId,
        status: Status,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        clients::set_status(self, id, status, now).await
    }

    async fn delete_client(&self, id: ClientId, now: Timestamp) -> Result<bool, StoreError> {
        clients::delete(self, id, now).await
    }

    async fn add_secret(
        &self,
        client: ClientId,
        secret: &Secret,
        others_expire_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        clients::add_secret(self, client, secret, others_expire_at, now).await
    }

    async fn revoke_secret(
        &self,
        client: ClientId,
        secret: SecretId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        clients::revoke_secret(self, client, secret, now).await
    }

    async fn start_serving(&self, alone: Option<Alone>) -> Result<u64, StoreError> {
        match alone {
            Some(alone) => idempotency::free_leases(self, alone).await,
            None => Ok(0),
        }
    }

    async fn begin(&self, lease: &Lease, now: Timestamp) -> Result<Begun, StoreError> {
        idempotency::begin(self, lease, now).await
    }

    async fn abandon(&self, lease: &Lease) -> Result<(), StoreError> {
        idempotency::abandon(self, lease).await
    }

    async fn is_taken(&self, scope: &IdempotencyScope, now: Timestamp) -> Result<bool, StoreError> {
        idempotency::is_taken(self, scope, now).await
    }

    async fn complete(
        &self,
        lease: &Lease,
        answer: &Answer,
        document: &Document,
    ) -> Result<bool, StoreError> {
        documents::complete(self, lease, answer, document).await
    }

    async fn purge(&self, now: Timestamp) -> Result<u64, StoreError> {
        let changes = changes::purge(self, now).await?;
        let retired = installation::purge(self, now.before(RETIRED_KEPT)).await?;
        let keys = idempotency::purge(self, now).await?;
        Ok(changes + retired + keys)
    }

    async fn export(&self, parts: mpsc::Sender<Part>) -> Result<(), StoreError> {
        transfer::export(self, &parts).await
    }

    async fn import(&self, mut parts: mpsc::Receiver<Part>) -> Result<bool, StoreError> {
        transfer::import(self, &mut parts).await
    }
}
