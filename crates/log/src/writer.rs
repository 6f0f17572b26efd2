//! The path of a line to stdout: the thread of `tracing-appender`, and a bounded buffer for request lines.
//!
//! `tracing-appender` takes a line at a time: an allocation, a place in its queue, and often a system call that wakes
//! its thread. That is little for an event but too much for each request's line, so request lines gather in a buffer here,
//! and only the first of a batch wakes the thread.

use std::{
    io::{self, ErrorKind, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tracing::Level;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How long request lines wait for more lines.
const PAUSE: Duration = Duration::from_millis(20);
/// How many bytes are enough to write without waiting.
const EAGER: usize = 64 << 10;
/// The pause before an output that would block is tried again.
const RETRY: Duration = Duration::from_millis(5);
/// How large a buffer may be to be kept: one that grew while the output was blocked is given back.
const KEPT: usize = 1 << 20;
/// How many lines of events may wait for the output.
pub(crate) const EVENTS: usize = 8192;

/// Starts the thread that writes to `out`; `capacity` limits the bytes of request lines that wait, and `notice` makes
/// the line that says how many lines were dropped.
pub(crate) fn start(
    out: impl Write + Send + 'static,
    capacity: usize,
    notice: impl Fn(u64) -> Vec<u8> + Send + 'static,
) -> (Lines, Worker) {
    let shared = Arc::new(Shared {
        capacity,
        state: Mutex::new(State { waiting: Vec::with_capacity(2 * EAGER), ..State::default() }),
        hurry: Condvar::new(),
        progress: Condvar::new(),
        lost: AtomicU64::new(0),
        lost_events: OnceLock::new(),
    });
    let output = Output {
        out,
        shared: shared.clone(),
        batch: Vec::with_capacity(2 * EAGER),
        notice,
        reported: 0,
        is_torn: false,
        has_failed: false,
        is_closed: false,
    };
    let (events, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(EVENTS)
        .thread_name("log")
        .finish(output);
    shared.lost_events.get_or_init(|| events.error_counter());
    (Lines { shared, events }, Worker(guard))
}

/// Takes lines, newline included. Nothing here waits for the output.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    shared: Arc<Shared>,
    events: NonBlocking,
}

impl Lines {
    /// Adds the line of a request. Warnings and errors are written at once.
    pub(crate) fn append(&self, line: &[u8], level: Level) {
        let shared = &*self.shared;
        let mut state = shared.lock();
        let before = state.waiting.len();
        if state.has_ended || before + state.in_hand + line.len() > shared.capacity {
            shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.waiting.extend_from_slice(line);
        let is_urgent = level <= Level::WARN && !state.is_urgent;
        state.is_urgent |= is_urgent;
        let is_enough = before < EAGER && state.waiting.len() >= EAGER;
        // The thread is woken once: that is a system call, and there may be a million lines a second.
        let is_first = !std::mem::replace(&mut state.is_announced, true);
        drop(state);
        if is_urgent || is_enough {
            shared.hurry.notify_one();
        }
        if is_first {
            self.wake();
        }
    }

    /// Adds the line of an event.
    pub(crate) fn write_event(&self, line: &[u8]) {
        let _ = self.events.clone().write(line);
        self.shared.lock().is_urgent = true;
        self.shared.hurry.notify_one();
    }

    /// Waits until all lines that were added so far are written, but no longer than `patience`; returns whether they are.
    pub(crate) fn flush(&self, patience: Duration) -> bool {
        let shared = &*self.shared;
        let mut state = shared.lock();
        state.tickets += 1;
        let ticket = state.tickets;
        state.is_urgent = true;
        drop(state);
        shared.hurry.notify_one();
        self.wake();
        let pending = |state: &mut State| state.served < ticket && !state.has_ended;
        let waited = shared.progress.wait_timeout_while(shared.lock(), patience, pending);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.served >= ticket
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.shared.lost()
    }

    /// Wakes the thread by an empty line, which writes nothing.
    fn wake(&self) {
        let _ = self.events.clone().write(b"");
    }
}

/// Keeps the thread alive.
#[derive(Debug)]
pub(crate) struct Worker(WorkerGuard);

impl Worker {
    /// Writes the lines that still wait and ends the thread; leaves it running if the output is blocked for longer than `patience`.
    pub(crate) fn end(self, lines: &Lines, patience: Duration) {
        let is_written = lines.flush(patience);
        lines.shared.lock().has_ended = true;
        if is_written {
            drop(self.0);
        } else {
            // Dropping it would wait once more, and write an error to the output that is blocked.
            std::mem::forget(self.0);
        }
    }
}

#[derive(Debug)]
struct Shared {
    capacity: usize,
    state: Mutex<State>,
    /// Tells the thread not to wait for more lines.
    hurry: Condvar,
    /// Tells waiting calls of `flush` that lines were written.
    progress: Condvar,
    /// The number of lines that were lost here, and of those that the queue of events had no room for.
    lost: AtomicU64,
    lost_events: OnceLock<ErrorCounter>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// The number of bytes that the thread has taken but not yet written.
    in_hand: usize,
    /// Whether the thread was told that lines wait.
    is_announced: bool,
    is_urgent: bool,
    has_ended: bool,
    /// Numbers of `flush` calls: all, those that the thread has seen, those that are done.
    tickets: u64,
    seen: u64,
    served: u64,
}

impl Shared {
    /// Locks the state, and never fails: nothing panics while it is held, and a log must go on in any case.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self) -> u64 {
        let events = self.lost_events.get().map_or(0, ErrorCounter::dropped_lines);
        self.lost.load(Ordering::Relaxed) + u64::try_from(events).unwrap_or(u64::MAX)
    }

    /// Waits for more request lines.
    fn pause(&self) {
        let may_wait = |state: &mut State| !state.is_urgent && (1..EAGER).contains(&state.waiting.len());
        let waited = self.hurry.wait_timeout_while(self.lock(), PAUSE, may_wait);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_urgent = false;
    }
}

/// The output of `tracing-appender`'s thread, which also writes the request lines.
struct Output<W, N> {
    out: W,
    shared: Arc<Shared>,
    batch: Vec<u8>,
    notice: N,
    /// How many dropped lines have been reported.
    reported: u64,
    /// Whether the last write ended within a line.
    is_torn: bool,
    has_failed: bool,
    /// Whether the output was closed, which is final.
    is_closed: bool,
}

/// Never fails: lost lines are counted.
impl<W: Write, N: Fn(u64) -> Vec<u8>> Write for Output<W, N> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    /// Writes an event, after the requests before it.
    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        let mut state = self.shared.lock();
        state.seen = state.tickets;
        drop(state);
        if !line.is_empty() {
            self.write_requests();
            self.write_lines(line);
        }
        Ok(())
    }

    /// Writes the request lines. It is called as soon as no event waits.
    fn flush(&mut self) -> io::Result<()> {
        self.shared.pause();
        self.write_requests();
        let lost = self.shared.lost();
        // A failed output is not tried again just for a notice: that would go on for ever.
        if lost > self.reported && !self.has_failed {
            let notice = (self.notice)(lost - self.reported);
            self.reported = lost;
            self.write_lines(&notice);
        }
        let mut state = self.shared.lock();
        state.served = state.seen;
        drop(state);
        self.shared.progress.notify_all();
        Ok(())
    }
}

impl<W: Write, N> Output<W, N> {
    fn write_requests(&mut self) {
        let mut state = self.shared.lock();
        std::mem::swap(&mut state.waiting, &mut self.batch);
        state.is_announced = false;
        state.in_hand = self.batch.len();
        drop(state);
        if self.batch.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        self.write_lines(&batch);
        batch.clear();
        batch.shrink_to(KEPT);
        self.batch = batch;
        self.shared.lock().in_hand = 0;
    }

    /// Writes whole lines, however long it takes.
    fn write_lines(&mut self, lines: &[u8]) {
        let outcome = if self.is_closed { Err((0, ErrorKind::BrokenPipe)) } else { self.try_lines(lines) };
        self.has_failed = outcome.is_err();
        if let Err((written, kind)) = outcome {
            self.shared.lost.fetch_add(count_lines(&lines[written..]), Ordering::Relaxed);
            self.is_closed = kind == ErrorKind::BrokenPipe;
        }
    }

    /// Tries to write lines. Fails with the number of bytes that were written.
    fn try_lines(&mut self, lines: &[u8]) -> Result<(), (usize, ErrorKind)> {
        if self.is_torn {
            self.write_bytes(b"\n").map_err(|(_, kind)| (0, kind))?;
            self.is_torn = false;
        }
        self.write_bytes(lines).inspect_err(|(written, _)| {
            self.is_torn = *written > 0 && lines[*written - 1] != b'\n';
        })
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), (usize, ErrorKind)> {
        let mut written = 0;
        loop {
            let step = if written < bytes.len() {
                self.out.write(&bytes[written..])
            } else {
                self.out.flush().map(|()| 0)
            };
            match step.map_err(|error| error.kind()) {
                Ok(0) if written < bytes.len() => return Err((written, ErrorKind::WriteZero)),
                Ok(0) => return Ok(()),
                Ok(count) => written += count,
                Err(ErrorKind::Interrupted) => {}
                Err(ErrorKind::WouldBlock) => thread::sleep(RETRY),
                Err(kind) => return Err((written, kind)),
            }
        }
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}
