//! The pool of connections, and how their failures are handled.
//!
//! A transaction is sent whole, its statements with the types of their parameters: it is one round trip, and nothing must
//! survive on the connection. So a pooler may give each transaction another session, and a caller that stops waiting leaves no
//! transaction open.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::{Client, Row};
use tollgate_store::{Connections, Measures, Queued, StoreError};

use crate::address::PostgresAddress;
use crate::column::Param;
use crate::error::{self, Outcome};
use crate::members::{self, Refused};
use crate::tls::Tls;

/// The most callers that wait for a connection; one more is refused.
pub(crate) const QUEUE: usize = 4096;

/// The most attempts to send a statement that has had no effect.
const ATTEMPTS: u32 = 10;

/// The longest pause before the second attempt; it doubles with each further attempt.
const PAUSE: Duration = Duration::from_millis(4);

/// How long no further connection is asked for after the server has refused one for having too many.
const CROWDED: Duration = Duration::from_secs(1);

/// How long a connection may be silent before it is checked.
const SILENCE: Duration = Duration::from_secs(10);

/// How to reach a PostgreSQL database, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// The address of the database, and the user who connects to it.
    pub address: PostgresAddress,
    /// The most connections that are open at a time; at least one.
    pub pool_size: usize,
    /// How long making a connection may take, for all hosts together.
    pub connect_timeout: Duration,
    /// How long a method of the store may take, including the wait for a connection and all attempts.
    pub statement_timeout: Duration,
}

/// A statement with its parameters.
#[derive(Clone, Copy)]
pub(crate) struct Statement<'a> {
    pub(crate) sql: &'a str,
    pub(crate) params: &'a [Param<'a>],
}

/// Statements that are committed together. Each sees the effect of those before it, and what others have committed before it
/// begins.
#[derive(Clone, Copy)]
pub(crate) struct Transaction<'a> {
    pub(crate) statements: &'a [Statement<'a>],
    /// Whether it may be sent again when its outcome is unknown.
    pub(crate) repeatable: bool,
}

/// A pool of connections.
pub(crate) struct Pool {
    options: PostgresOptions,
    tls: Tls,
    /// A permit for each connection that may be open.
    free: Arc<Semaphore>,
    /// A permit for each caller that may wait.
    queue: Semaphore,
    idle: Mutex<Vec<Session>>,
    /// The number of callers that wait for a connection.
    waiting: AtomicUsize,
    /// The number of connections that are in use or being opened.
    busy: AtomicUsize,
    measures: Measures,
}

/// An open connection.
struct Session {
    client: Client,
    /// When the server was found to be a primary that takes no writes. After some time it is asked again.
    read_only: Option<Instant>,
}

impl Session {
    fn serves(&self, repeatable: bool) -> bool {
        let is_fit = match self.read_only {
            Some(since) => repeatable && since.elapsed() < SILENCE,
            None => true,
        };
        is_fit && !self.client.is_closed()
    }
}

impl Pool {
    pub(crate) fn new(mut options: PostgresOptions) -> Result<Self, StoreError> {
        // A server whose machine is gone does not answer.
        let config = &mut options.address.config;
        config.keepalives_idle(SILENCE).tcp_user_timeout(options.statement_timeout);
        let tls = Tls::new(options.address.roots.as_deref())?;
        let free = Arc::new(Semaphore::new(options.pool_size));
        Ok(Self {
            options,
            tls,
            free,
            queue: Semaphore::new(QUEUE),
            idle: Mutex::default(),
            waiting: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            measures: Measures::default(),
        })
    }

    pub(crate) fn measures(&self) -> &Measures {
        &self.measures
    }

    /// Returns how many callers wait for a connection.
    pub(crate) fn queued(&self) -> Queued {
        Queued { queue: "connection", waiting: self.waiting.load(Relaxed), limit: QUEUE }
    }

    /// Returns how many connections are idle and in use.
    pub(crate) fn connections(&self) -> Connections {
        let (idle, busy) = (self.idle().len(), self.busy.load(Relaxed));
        Connections { idle, busy, limit: self.options.pool_size }
    }

    /// Runs a transaction, and again if it had no effect, until the statement timeout. Returns the rows of each statement.
    pub(crate) async fn run(&self, transaction: Transaction<'_>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.run_until(self.deadline(), transaction).await
    }

    /// Returns the deadline of a call that starts now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.options.statement_timeout
    }

    /// Runs a transaction, and again if it had no effect, until `deadline`.
    pub(crate) async fn run_until(
        &self,
        deadline: Instant,
        transaction: Transaction<'_>,
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let Ok(_place) = self.queue.try_acquire() else {
            return Err(StoreError::Unavailable("too many requests are waiting for it".to_owned()));
        };
        for attempt in 1.. {
            let mut leased = self.lease(deadline, transaction.repeatable).await?;
            let Ok(result) = timeout_at(deadline, send(leased.client(), transaction.statements)).await else {
                leased.cancel(self.tls.clone());
                // The other connections lead to the same server, which may be gone.
                self.idle().clear();
                return Err(unanswered("PostgreSQL did not answer in time", transaction));
            };
            let error = match result {
                Ok(rows) => return Ok(rows),
                Err(error) => error,
            };
            match error::outcome(&error) {
                Outcome::Refused => return Err(error::statement(&error)),
                Outcome::Nothing { fresh: false } => {}
                Outcome::Nothing { fresh: true } => leased.discard(),
                Outcome::Unknown if transaction.repeatable => leased.discard(),
                Outcome::Unknown => {
                    leased.discard();
                    return Err(unanswered("the connection to PostgreSQL broke", transaction));
                }
            }
            drop(leased);
            if attempt == ATTEMPTS {
                return Err(error::statement(&error));
            }
            sleep(rand::random_range(Duration::ZERO..PAUSE * (1 << attempt.min(8)))).await;
        }
        unreachable!("attempts end")
    }

    /// Makes a connection that belongs to the caller alone.
    pub(crate) async fn connect(&self) -> Result<Client, StoreError> {
        self.connect_to_write().await.map_err(Refused::error)
    }

    async fn connect_to_write(&self) -> Result<Client, Refused> {
        let PostgresOptions { address, connect_timeout, .. } = &self.options;
        members::connect(address, &self.tls, Instant::now() + *connect_timeout).await
    }

    /// Opens a connection. For reading, a read-only primary will do: nothing can be changed elsewhere.
    async fn open(&self, repeatable: bool) -> Result<Session, Refused> {
        match self.connect_to_write().await {
            Ok(client) => Ok(Session { client, read_only: None }),
            Err(Refused::ReadOnly(_)) if repeatable => {
                let PostgresOptions { address, connect_timeout, .. } = &self.options;
                let now = Instant::now();
                let opened = members::connect_to_read(address, &self.tls, now + *connect_timeout).await;
                let client = opened.map_err(Refused::Failed)?;
                Ok(Session { client, read_only: Some(now) })
            }
            Err(refused) => Err(refused),
        }
    }

    /// Takes an idle connection, or opens one. While the server allows no more of them, the caller waits for one of
    /// those that are open.
    async fn lease(&self, deadline: Instant, repeatable: bool) -> Result<Leased<'_>, StoreError> {
        let mut crowded = None;
        loop {
            let busy = |_| StoreError::Unavailable("all connections to PostgreSQL are busy".to_owned());
            let permit = timeout_at(deadline, self.wait()).await;
            let permit = permit.map_err(|late| crowded.take().unwrap_or_else(|| busy(late)))?;
            let loan = Loan::of(self);
            if let Some(session) = self.take_idle(repeatable) {
                return Ok(Leased { pool: self, session: Some(session), _loan: loan, _permit: permit });
            }
            let late =
                |_| StoreError::Unavailable(format!("{} does not answer", self.options.address.place()));
            match timeout_at(deadline, self.open(repeatable)).await.map_err(late)? {
                Ok(session) => {
                    return Ok(Leased { pool: self, session: Some(session), _loan: loan, _permit: permit });
                }
                Err(Refused::Crowded(error)) => {
                    crowded = Some(error);
                    self.close_for_a_while(permit);
                }
                Err(refused) => return Err(refused.error()),
            }
        }
    }

    /// Waits until one more connection may be in use, and notes how long that took.
    async fn wait(&self) -> SemaphorePermit<'_> {
        let _waiting = Waiting::of(self);
        self.free.acquire().await.expect("the semaphore is never closed")
    }

    /// Withholds one permit for a while: as long as the server allows no more connections, fewer callers may hold one.
    fn close_for_a_while(&self, permit: SemaphorePermit<'_>) {
        permit.forget();
        let free = Arc::clone(&self.free);
        tokio::spawn(async move {
            sleep(CROWDED).await;
            free.add_permits(1);
        });
    }

    /// Returns the idle connection that was used last, if it still works: the server may have ended.
    fn take_idle(&self, repeatable: bool) -> Option<Session> {
        let mut idle = self.idle();
        // Closes connections that are of no more use.
        idle.retain(|session| session.serves(true));
        let index = idle.iter().rposition(|session| session.serves(repeatable))?;
        Some(idle.remove(index))
    }

    /// Locks the idle connections. Nothing panics while it holds the lock, so a poisoned lock is safe to use.
    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller that waits for a connection.
struct Waiting<'a> {
    pool: &'a Pool,
    since: Instant,
}

impl<'a> Waiting<'a> {
    fn of(pool: &'a Pool) -> Self {
        pool.waiting.fetch_add(1, Relaxed);
        Self { pool, since: Instant::now() }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.pool.waiting.fetch_sub(1, Relaxed);
        self.pool.measures.waits().note(self.since.elapsed());
    }
}

/// Counts a connection as in use while it lives.
struct Loan<'a>(&'a Pool);

impl<'a> Loan<'a> {
    fn of(pool: &'a Pool) -> Self {
        pool.busy.fetch_add(1, Relaxed);
        Self(pool)
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Relaxed);
    }
}

/// A connection in use. Dropping it returns the connection to the pool, even if an answer is still on its way.
struct Leased<'a> {
    pool: &'a Pool,
    session: Option<Session>,
    _loan: Loan<'a>,
    _permit: SemaphorePermit<'a>,
}

impl Leased<'_> {
    fn client(&self) -> &Client {
        &self.session.as_ref().expect("it has one until it is discarded").client
    }

    fn discard(&mut self) {
        self.session = None;
    }

    /// Closes the connection, and asks the server to cancel the statement: otherwise it would go on waiting for a lock, and
    /// could take effect at any later time.
    fn cancel(&mut self, tls: Tls) {
        let Some(Session { client, .. }) = self.session.take() else { return };
        let (token, patience) = (client.cancel_token(), self.pool.options.connect_timeout);
        tokio::spawn(async move {
            // Best effort: a server that doesn't answer may not answer this request, either.
            let _ = timeout(patience, token.cancel_query(tls)).await;
            drop(client);
        });
    }
}

impl Drop for Leased<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take().filter(|session| session.serves(true)) {
            self.pool.idle().push(session);
        }
    }
}

/// Sends a transaction, and waits until it is committed.
async fn send(client: &Client, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, tokio_postgres::Error> {
    if let [Statement { sql, params }] = statements {
        return Ok(vec![client.query_typed(sql, params).await?]);
    }
    let work = statements.iter().map(|statement| client.query_typed(statement.sql, statement.params));
    // All of it is sent at once. If one statement fails, the server rolls the transaction back.
    let (begun, results, committed) = tokio::join!(
        biased;
        client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED"),
        all(work),
        client.batch_execute("COMMIT"),
    );
    begun?;
    let rows = results.into_iter().collect::<Result<_, _>>()?;
    committed?;
    Ok(rows)
}

/// Waits for all `futures`, which are first polled in their order.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        let mut waiting = false;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(ready) => *output = Some(ready),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

/// Returns the error for a caller that gets no answer.
fn unanswered(what: &str, transaction: Transaction<'_>) -> StoreError {
    if transaction.repeatable {
        StoreError::Unavailable(what.to_owned())
    } else {
        StoreError::OutcomeUnknown(what.to_owned())
    }
}
