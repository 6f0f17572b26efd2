//! The thread that writes, and the bounded buffer in front of it.

use std::{
    io::{self, ErrorKind, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tracing::Level;

/// How long lines wait for company.
const PAUSE: Duration = Duration::from_millis(20);
/// How many bytes are company enough.
const EAGER: usize = 64 << 10;
/// How long to leave an output alone that would block.
const RETRY: Duration = Duration::from_millis(5);
/// A buffer that a jam has blown up is given back.
const KEPT: usize = 1 << 20;

/// Starts the thread that writes to `out`; `capacity` bounds the bytes that wait, and `notice` makes the line that says
/// how many lines were dropped.
pub(super) fn start(
    out: impl Write + Send + 'static,
    capacity: usize,
    notice: impl Fn(u64) -> Vec<u8> + Send + 'static,
) -> io::Result<(Lines, WriterThread)> {
    let shared = Arc::new(Shared {
        capacity,
        state: Mutex::new(State { waiting: Vec::with_capacity(2 * EAGER), ..State::default() }),
        wake: Condvar::new(),
        progress: Condvar::new(),
        dropped: AtomicU64::new(0),
    });
    let lines = Lines(shared.clone());
    let handle = thread::Builder::new().name("log".to_owned()).spawn({
        let shared = shared.clone();
        move || shared.run(Output { out, is_torn: false }, notice)
    })?;
    Ok((lines, WriterThread { shared, handle }))
}

/// Where lines are handed in.
#[derive(Clone, Debug)]
pub(super) struct Lines(Arc<Shared>);

impl Lines {
    /// Hands in a line, newline included; never waits for the output. Warnings and errors are written at once.
    pub(super) fn append(&self, line: &[u8], level: Level) {
        let shared = &*self.0;
        let mut state = shared.lock();
        let before = state.waiting.len();
        if state.has_ended || before + state.in_hand + line.len() > shared.capacity {
            state.unreported += 1;
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            state.waiting.extend_from_slice(line);
            state.appended += line.len() as u64;
        }
        let is_urgent = level <= Level::WARN && !state.is_urgent;
        state.is_urgent |= is_urgent;
        let is_enough = before < EAGER && state.waiting.len() >= EAGER;
        // The thread is told once: telling is a system call, and there may be a million lines a second.
        if std::mem::take(&mut state.is_idle) || is_urgent || is_enough {
            drop(state);
            shared.wake.notify_one();
        }
    }

    /// Waits until what was handed in so far is written, but no longer than `patience`; returns whether it is.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        let shared = &*self.0;
        let mut state = shared.lock();
        let until = state.appended;
        state.is_urgent = true;
        shared.wake.notify_one();
        let pending = |state: &mut State| state.written < until && !state.has_ended;
        let waited = shared.progress.wait_timeout_while(state, patience, pending);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.written >= until
    }

    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

/// The thread that writes.
#[derive(Debug)]
pub(super) struct WriterThread {
    shared: Arc<Shared>,
    handle: JoinHandle<()>,
}

impl WriterThread {
    /// Writes what still waits and ends the thread; leaves it behind if the output is blocked for longer than `patience`.
    pub(super) fn end(self, patience: Duration) {
        let mut state = self.shared.lock();
        state.is_closing = true;
        self.shared.wake.notify_one();
        let waited = self.shared.progress.wait_timeout_while(state, patience, |state| !state.has_ended);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let has_ended = state.has_ended;
        drop(state);
        if has_ended {
            // It has nothing left to do but to return.
            let _ = self.handle.join();
        }
    }
}

#[derive(Debug)]
struct Shared {
    capacity: usize,
    state: Mutex<State>,
    /// Tells the thread that there is something to do.
    wake: Condvar,
    /// Tells those who flush that something was done.
    progress: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own; together they are no state machine"
)]
struct State {
    waiting: Vec<u8>,
    /// Bytes that the thread has taken and not yet written.
    in_hand: usize,
    /// Bytes handed in, taken, and done with, since the start.
    appended: u64,
    taken: u64,
    written: u64,
    /// Dropped lines that no line has told of.
    unreported: u64,
    is_idle: bool,
    is_urgent: bool,
    is_closing: bool,
    /// Whether the last write failed.
    has_failed: bool,
    has_ended: bool,
}

impl Shared {
    /// Never fails: nothing panics while it is held, and a log must go on in any case.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run<W: Write>(&self, mut output: Output<W>, notice: impl Fn(u64) -> Vec<u8>) {
        let mut batch = Vec::with_capacity(2 * EAGER);
        while let Some(dropped) = self.take(&mut batch) {
            let lines = batch.len();
            if dropped > 0 {
                batch.extend_from_slice(&notice(dropped));
            }
            let outcome = output.write_lines(&batch);
            let mut state = self.lock();
            state.in_hand = 0;
            state.written = state.taken;
            state.has_failed = outcome.is_err();
            if let Err((written, kind)) = outcome {
                let lost = count_lines(&batch[written.min(lines)..lines]);
                self.dropped.fetch_add(lost, Ordering::Relaxed);
                state.unreported += dropped + lost;
                if kind == ErrorKind::BrokenPipe {
                    // Nobody reads any more, and nobody ever will.
                    break;
                }
            }
            drop(state);
            self.progress.notify_all();
            batch.clear();
            batch.shrink_to(KEPT);
        }
        let mut state = self.lock();
        state.has_ended = true;
        self.dropped.fetch_add(count_lines(&std::mem::take(&mut state.waiting)), Ordering::Relaxed);
        drop(state);
        self.progress.notify_all();
    }

    /// Waits for lines and swaps them into `batch`; returns how many were dropped before them, or `None` at the end.
    fn take(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let mut state = self.lock();
        // An output that failed is not tried again for a notice alone: that would go on and on.
        while state.waiting.is_empty() && (state.unreported == 0 || state.has_failed) {
            if state.is_closing {
                return None;
            }
            state.is_idle = true;
            state.is_urgent = false;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_idle = false;
        let may_wait =
            |state: &mut State| !state.is_urgent && !state.is_closing && state.waiting.len() < EAGER;
        let waited = self.wake.wait_timeout_while(state, PAUSE, may_wait);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_urgent = false;
        std::mem::swap(&mut state.waiting, batch);
        state.in_hand = batch.len();
        state.taken = state.appended;
        Some(std::mem::take(&mut state.unreported))
    }
}

struct Output<W> {
    out: W,
    /// Whether the last write ended within a line.
    is_torn: bool,
}

impl<W: Write> Output<W> {
    /// Writes whole lines, however long it takes; fails with the number of bytes that were written.
    fn write_lines(&mut self, lines: &[u8]) -> Result<(), (usize, ErrorKind)> {
        if self.is_torn {
            self.write_all(b"\n").map_err(|(_, kind)| (0, kind))?;
            self.is_torn = false;
        }
        self.write_all(lines).inspect_err(|(written, _)| {
            self.is_torn = *written > 0 && lines[*written - 1] != b'\n';
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), (usize, ErrorKind)> {
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
