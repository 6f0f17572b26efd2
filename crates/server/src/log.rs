//! The structured log: one event, one line on stdout, in JSON or in text.
//!
//! Each request has a line ([`Requests`]), so one must be cheap: it is built in a buffer that its thread reuses and
//! handed to a thread that writes, so that no request ever waits for stdout. Whatever a value holds, a line stays one
//! line.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use tollgate_server::{config::LogFormat, log};
//! use tracing_subscriber::prelude::*;
//!
//! let written = Arc::new(Mutex::new(Vec::new()));
//! let sink = written.clone();
//! let layer = log::layer(LogFormat::Json, move |line, _| sink.lock().unwrap().extend_from_slice(line));
//! tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
//!     tracing::info!(status = 200, path = "/\n\"", "request");
//! });
//! let line = String::from_utf8(written.lock().unwrap().clone()).unwrap();
//! assert!(line.ends_with("\"msg\":\"request\",\"status\":200,\"path\":\"/\\n\\\"\"}\n"));
//! ```

mod escape;
mod line;
mod requests;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    cell::RefCell,
    io::{self, Write},
    panic::PanicHookInfo,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use tracing::{
    Event, Level, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

use self::{
    line::{Scratch, SpanFields},
    writer::{Lines, WriterThread},
};
use crate::config::{LogFormat, LogLevel};

pub(crate) use self::requests::Request;
pub use self::requests::Requests;

/// Bytes that may wait for stdout, before lines are dropped rather than memory filled.
const CAPACITY: usize = 8 << 20;
/// How long the end of the process waits for a blocked stdout.
const LAST_FLUSH: Duration = Duration::from_secs(2);
/// How long a panic waits for it: the process may be about to end, but it may also be a request that answers 500.
const PANIC_FLUSH: Duration = Duration::from_millis(100);

static INSTALLED: OnceLock<Lines> = OnceLock::new();

/// Installs the log for the whole process, together with a panic hook.
///
/// Keep the guard until the end of `main`: what still waits is written when it drops.
///
/// Fails if a subscriber is installed already, or if no thread can be started.
pub fn init(format: LogFormat, level: LogLevel) -> io::Result<Guard> {
    let guard = Guard::start(format, level, io::stdout(), CAPACITY)?;
    let lines = guard.lines.clone();
    let layer = layer(format, move |line, level| lines.append(line, level));
    let subscriber = tracing_subscriber::registry().with(filter(level)).with(layer);
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|error| io::Error::new(io::ErrorKind::AlreadyExists, error))?;
    // Only the first subscriber gets here, so nothing can be installed yet.
    let lines = INSTALLED.get_or_init(|| guard.lines.clone());
    std::panic::set_hook(Box::new(move |panic| {
        lines.append(&panic_line(format, panic), Level::ERROR);
        lines.flush(PANIC_FLUSH);
    }));
    Ok(guard)
}

/// Says what is logged at `level`: Tollgate's own events from there up.
///
/// The libraries below never speak under `warn`, because what they say at `debug` and `trace` may hold headers, and so
/// tokens.
pub fn filter(level: LogLevel) -> Targets {
    let level = LevelFilter::from(level);
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("tollgate", level)
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// Makes the layer that turns each event into one line, newline included, and calls `write` with it.
///
/// `write` runs on the thread of the event, so it must not wait for anything.
pub fn layer<W>(format: LogFormat, write: W) -> LineLayer<W>
where
    W: Fn(&[u8], Level) + Send + Sync + 'static,
{
    LineLayer { format, write }
}

/// Counts the lines that were lost since [`init`] because stdout was blocked, full or closed.
pub fn dropped() -> u64 {
    INSTALLED.get().map_or(0, Lines::dropped)
}

/// Turns events into lines; made by [`layer`].
#[derive(Debug)]
pub struct LineLayer<W> {
    format: LogFormat,
    write: W,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl<S, W> Layer<S> for LineLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&[u8], Level) + Send + Sync + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        // Two of these layers would otherwise each keep the same fields.
        if extensions.get_mut::<SpanFields>().is_none() {
            let mut fields = SpanFields::default();
            attributes.record(&mut fields);
            extensions.insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<SpanFields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        with_scratch(|scratch| {
            let mut line = scratch.start(self.format, now(), *metadata.level(), metadata.target());
            event.record(&mut line);
            for span in context.event_scope(event).into_iter().flatten() {
                if let Some(fields) = span.extensions().get::<SpanFields>() {
                    fields.write_to(&mut line);
                }
            }
            (self.write)(line.finish(), *metadata.level());
        });
    }
}

/// Lends the thread's buffers; to an event within an event (a value whose `Debug` logs, or panics) new ones.
fn with_scratch(write: impl FnOnce(&mut Scratch)) {
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => write(&mut scratch),
        Err(_) => write(&mut Scratch::default()),
    });
}

/// Keeps the log's thread alive; dropping it writes what still waits.
#[must_use = "the log ends when the guard is dropped"]
#[derive(Debug)]
pub struct Guard {
    format: LogFormat,
    level: LogLevel,
    lines: Lines,
    thread: Option<WriterThread>,
}

impl Guard {
    /// Counts the lines that were lost because stdout was blocked, full or closed.
    pub fn dropped(&self) -> u64 {
        self.lines.dropped()
    }

    /// Writes the lines of requests, among the others.
    pub fn requests(&self) -> Requests {
        let lines = self.lines.clone();
        Requests::new(self.format, self.level, move |line, level| lines.append(line, level))
    }

    /// Waits until what was logged so far is written, but no longer than `patience`; returns whether it is.
    pub fn flush(&self, patience: Duration) -> bool {
        self.lines.flush(patience)
    }

    fn start(
        format: LogFormat,
        level: LogLevel,
        out: impl Write + Send + 'static,
        capacity: usize,
    ) -> io::Result<Self> {
        let (lines, thread) = writer::start(out, capacity, move |dropped| dropped_line(format, dropped))?;
        Ok(Self { format, level, lines, thread: Some(thread) })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.end(LAST_FLUSH);
        }
    }
}

fn dropped_line(format: LogFormat, dropped: u64) -> Vec<u8> {
    let mut scratch = Scratch::default();
    let mut line = scratch.start(format, now(), Level::WARN, module_path!());
    line.message("the output was blocked and lines of the log were dropped");
    line.number("dropped", dropped);
    line.finish().to_vec()
}

/// Tells where a panic happened; never its payload, which may quote a secret.
fn panic_line(format: LogFormat, panic: &PanicHookInfo<'_>) -> Vec<u8> {
    let mut scratch = Scratch::default();
    let mut line = scratch.start(format, now(), Level::ERROR, module_path!());
    line.message("a thread panicked; this is a bug");
    if let Some(location) = panic.location() {
        line.text("file", location.file());
        line.number("line", u64::from(location.line()));
        line.number("column", u64::from(location.column()));
    }
    line.text("thread", std::thread::current().name().unwrap_or("unnamed"));
    line.finish().to_vec()
}

#[expect(clippy::disallowed_methods, reason = "a line says when it was written; nothing is decided by it")]
fn now() -> SystemTime {
    SystemTime::now()
}
