//! The engine for many servers: PostgreSQL 15 or later, also behind a pooler in transaction mode.
//!
//! A method is one statement, or two where the second must see what the first waited for. They are sent in one round trip and
//! committed together. An engine that shards the tables could run every statement (`sharding.rs` in the tests): no guarantee
//! depends on an advisory lock, a session or a foreign key between shards. The statements are in the modules below, by
//! subject; `pool.rs` handles their failures.

mod address;
mod agreements;
mod begin;
mod changes;
mod clients;
mod clock;
mod column;
mod complete;
mod documents;
mod error;
mod group;
mod idempotency;
mod installation;
mod keys;
mod members;
mod merchants;
mod migrate;
mod pool;
mod purge;
mod servers;
#[cfg(test)]
mod tests;
mod time;
mod tls;
mod transfer;

use std::sync::Arc;

use tokio_postgres::Row;

use crate::StoreError;
use begin::Begin;
use clock::Clock;
use column::{Param, unsigned};
use complete::Complete;
use group::Group;
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

    /// Runs a statement that reads. It is sent again if the connection breaks.
    async fn read(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        let statements = &[Statement { sql, params }];
        self.pool.run(Transaction { statements, repeatable: true }).await.map(last)
    }

    /// Runs a statement that reads, and returns the first row.
    async fn read_one(&self, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.read(sql, params).await?.into_iter().next())
    }

    /// Runs a statement that writes, in a transaction of its own.
    async fn write(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.write_all(&[Statement { sql, params }]).await.map(last)
    }

    /// Runs a statement that writes, and returns the number of rows that it counts.
    async fn write_count(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        self.write(sql, params).await?.first().map_or(Ok(0), |row| unsigned(row, 0))
    }

    /// Runs a statement that writes, once it holds the rows that `lock` locks. It sees all that was committed until then.
    async fn write_locked(
        &self,
        lock: (&str, &[Param<'_>]),
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let lock = Statement { sql: lock.0, params: lock.1 };
        self.write_all(&[lock, Statement { sql, params }]).await.map(last)
    }

    /// Runs several statements that are committed together. Returns the rows of each.
    async fn write_all(&self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        self.pool.run(Transaction { statements, repeatable: false }).await
    }
}

/// Returns the rows of the last statement.
fn last(mut rows: Vec<Vec<Row>>) -> Vec<Row> {
    rows.pop().unwrap_or_default()
}
