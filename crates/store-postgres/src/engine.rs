//! The store in a database: how it is opened, and how a statement gets to a connection.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_postgres::Row;
use tollgate_store::{Access, Connections, Measured, Measures, Operation, Queued, StoreError};

use crate::begin::Begin;
use crate::clock::Clock;
use crate::column::{Param, unsigned};
use crate::complete::Complete;
use crate::group::Group;
use crate::migrate;
use crate::pool::{Pool, PostgresOptions, QUEUE, Statement, Transaction};

/// A store in a PostgreSQL database, which any number of processes on any number of machines may have open.
///
/// It needs the tokio runtime that it was opened in for as long as it lives.
pub struct Postgres {
    pub(crate) pool: Arc<Pool>,
    pub(crate) clock: Clock,
    pub(crate) begins: Arc<Group<Begin>>,
    pub(crate) completions: Arc<Group<Complete>>,
    /// The lock of the act whose turn it is.
    pub(crate) turn: Mutex<()>,
}

impl Postgres {
    /// Opens the store, and creates its tables or brings them up to date if needed.
    ///
    /// The error says what is wrong and what to do.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        Self::with(options, Access::Create).await
    }

    /// Opens the store, which must exist: a mistyped name must not become a new and empty store. Its tables are brought
    /// up to date if needed.
    pub async fn open_existing(options: PostgresOptions) -> Result<Self, StoreError> {
        Self::with(options, Access::Change).await
    }

    /// Opens the store for reading only: it must exist, and its tables are left as they are.
    pub async fn open_to_read(options: PostgresOptions) -> Result<Self, StoreError> {
        Self::with(options, Access::Read).await
    }

    async fn with(options: PostgresOptions, access: Access) -> Result<Self, StoreError> {
        let patience = options.statement_timeout;
        let store = Self {
            pool: Arc::new(Pool::new(options)?),
            clock: Clock::Database,
            begins: Group::new(),
            completions: Group::new(),
            turn: Mutex::default(),
        };
        migrate::migrate(&store.pool.connect().await?, patience, access).await?;
        Ok(store)
    }

    /// Runs a statement that reads. It is sent again if the connection breaks.
    pub(crate) async fn read(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.read_for(Operation::Read, sql, params).await
    }

    /// Runs a statement that reads, and measures it as an operation of this kind.
    pub(crate) async fn read_for(
        &self,
        operation: Operation,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let (running, statements) = (self.measures().start(operation), &[Statement { sql, params }]);
        running.end(self.pool.run(Transaction { statements, repeatable: true }).await.map(last))
    }

    /// Runs a statement that reads, and returns the first row.
    pub(crate) async fn read_one(&self, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.read(sql, params).await?.into_iter().next())
    }

    /// Runs a statement that writes, in a transaction of its own.
    pub(crate) async fn write(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.write_all(&[Statement { sql, params }]).await.map(last)
    }

    /// Runs a statement that writes, and returns the number of rows that it counts.
    pub(crate) async fn write_count(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        self.write(sql, params).await?.first().map_or(Ok(0), |row| unsigned(row, 0))
    }

    /// Runs several statements that are committed together. Returns the rows of each.
    pub(crate) async fn write_all(&self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        let running = self.measures().start(Operation::Write);
        running.end(self.pool.run(Transaction { statements, repeatable: false }).await)
    }
}

impl Measured for Postgres {
    fn measures(&self) -> &Measures {
        self.pool.measures()
    }

    fn queued(&self) -> Vec<Queued> {
        let (connection, (begins, completions)) =
            (self.pool.queued(), (self.begins.waiting(), self.completions.waiting()));
        vec![
            connection,
            Queued { queue: "idempotency_begin", waiting: begins, limit: QUEUE },
            Queued { queue: "idempotency_complete", waiting: completions, limit: QUEUE },
        ]
    }

    fn connections(&self) -> Option<Connections> {
        Some(self.pool.connections())
    }
}

/// Returns the rows of the last statement.
pub(crate) fn last(mut rows: Vec<Vec<Row>>) -> Vec<Row> {
    rows.pop().unwrap_or_default()
}
