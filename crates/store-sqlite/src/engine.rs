//! The store in a file: how it is opened, and how a job gets to the threads that work on it.

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tollgate_store::{Access, Connections, Measured, Measures, Operation, Queued, StoreError};

use crate::error::failed_inside;
use crate::job::{self, Value, Work};
use crate::place::Place;
use crate::queue::Queue;
use crate::reader::Read;
use crate::serving::Serving;
use crate::writer::{Durability, Write, Writer};
use crate::{leftover, open, reader};

/// The most jobs that wait in each of the two queues, the writer's and the readers'; one more is refused.
const QUEUE: usize = 4096;

/// The number of threads that read. A thread that is busy with a page of clients must not hold up a login.
const READERS: usize = 2;

/// A store in one SQLite file, which several processes on the same machine may have open.
///
/// Dropping it waits for the jobs in its queues, and closes the file.
pub struct Sqlite {
    writes: Arc<Queue<Write>>,
    reads: Arc<Queue<Read>>,
    /// The reading threads; each returns its connection when it ends.
    readers: Vec<JoinHandle<Connection>>,
    /// The writing thread; `None` if the store was opened for reading only.
    writer: Option<JoinHandle<()>>,
    measures: Arc<Measures>,
    pub(crate) place: Place,
    /// The lock that is held for as long as this process serves.
    pub(crate) serving: Serving,
}

impl Sqlite {
    /// Opens the store at `path`; creates it, readable only by its owner, if there is none. Its folder must exist.
    ///
    /// The error says what is wrong and what to do. Blocks until it is done, at most some seconds.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        open::create(path)?;
        leftover::check(path)?;
        Self::with(path, open::to_write(path, Access::Create)?)
    }

    /// Opens the store at `path`, which must exist: a mistyped path must not become a new and empty store.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        leftover::check(path)?;
        Self::with(path, open::to_write(path, Access::Change)?)
    }

    /// Opens the store at `path` for reading only: it must exist, its schema is left as it is, and nothing can be written.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        leftover::check(path)?;
        Self::without_writer(path, open::to_look)
    }

    fn with(path: &Path, connection: Connection) -> Result<Self, StoreError> {
        let mut store = Self::without_writer(path, open::to_read)?;
        let (thread, writes) = (Writer::new(store.place.clone(), connection), Arc::clone(&store.writes));
        let measures = Arc::clone(&store.measures);
        store.writer = Some(spawn("store-writer", move || thread.run(&writes, &measures))?);
        Ok(store)
    }

    fn without_writer(
        path: &Path,
        open: fn(&Path) -> Result<Connection, StoreError>,
    ) -> Result<Self, StoreError> {
        let connections: Vec<Connection> = (0..READERS).map(|_| open(path)).collect::<Result<_, _>>()?;
        let mut store = Self {
            writes: Arc::new(Queue::new(QUEUE)),
            reads: Arc::new(Queue::new(QUEUE)),
            readers: Vec::new(),
            writer: None,
            measures: Arc::default(),
            place: Place::of(path)?,
            serving: Serving::beside(path),
        };
        for connection in connections {
            let (queue, measures) = (Arc::clone(&store.reads), Arc::clone(&store.measures));
            store.readers.push(spawn("store-reader", move || {
                reader::run(&connection, &queue, &measures);
                connection
            })?);
        }
        Ok(store)
    }

    /// Runs `work` on a thread that reads, and waits for its result.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.read_for(Operation::Read, work).await
    }

    /// Runs `work` on a thread that reads, and measures it as an operation of this kind.
    pub(crate) async fn read_for<T, F>(&self, operation: Operation, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let running = self.measures.start(operation);
        running.end(self.ask_reader(job::untyped(work)).await).map(job::typed)
    }

    async fn ask_reader(&self, work: Work) -> Result<Value, StoreError> {
        let (read, answer) = Read::new(work);
        self.reads.push(read)?;
        answer.await.unwrap_or_else(|_| Err(failed_inside()))
    }

    /// Runs `work` in a transaction on the thread that writes, and waits until it is committed.
    pub(crate) async fn write<T, F>(&self, durability: Durability, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.write_for(Operation::Write, durability, work).await
    }

    /// Runs `work` on the thread that writes, and measures it as an operation of this kind.
    pub(crate) async fn write_for<T, F>(
        &self,
        operation: Operation,
        durability: Durability,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let running = self.measures.start(operation);
        running.end(self.ask_writer(durability, job::untyped(work)).await).map(job::typed)
    }

    async fn ask_writer(&self, durability: Durability, work: Work) -> Result<Value, StoreError> {
        if self.writer.is_none() {
            return Err(StoreError::Misconfigured("it was opened to read only".to_owned()));
        }
        let (write, answer) = Write::new(durability, work);
        self.writes.push(write)?;
        // The thread has ended, perhaps after the commit.
        let lost = |_| Err(StoreError::OutcomeUnknown("it failed inside".to_owned()));
        answer.await.unwrap_or_else(lost)
    }
}

impl Measured for Sqlite {
    fn measures(&self) -> &Measures {
        &self.measures
    }

    fn queued(&self) -> Vec<Queued> {
        let queues = [("reader", self.reads.waiting()), ("writer", self.writes.waiting())];
        queues.into_iter().map(|(queue, (waiting, limit))| Queued { queue, waiting, limit }).collect()
    }

    fn connections(&self) -> Option<Connections> {
        None
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, StoreError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|_| StoreError::Unavailable("no thread could be started".to_owned()))
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // SQLite removes the files beside the database when the last connection closes. If two close at the same time, each
        // takes the other for one that stays open. So they are closed here, one after another, and the writer's last.
        self.reads.close();
        for reader in self.readers.drain(..) {
            drop(reader.join());
        }
        self.writes.close();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
