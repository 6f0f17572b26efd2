//! The structured log of Tollgate's programs: one event, one line on stdout, in JSON or in text.
//!
//! `tracing-subscriber` collects events and spans, `tracing-appender` owns the thread that writes. Two parts are our
//! own: the form of a line ([`event`](self)), because whatever a value holds, a line must stay one line; and the line
//! that each request has ([`Requests`]), because it is written for every token and must not allocate.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use tollgate_config::LogFormat;
//! use tracing_subscriber::prelude::*;
//!
//! let written = Arc::new(Mutex::new(Vec::new()));
//! let sink = written.clone();
//! let layer = tollgate_log::layer(LogFormat::Json, move |line, _| sink.lock().unwrap().extend_from_slice(line));
//! tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
//!     tracing::info!(status = 200, path = "/\n\"", "request");
//! });
//! let line = String::from_utf8(written.lock().unwrap().clone()).unwrap();
//! assert!(line.ends_with("\"msg\":\"request\",\"status\":200,\"path\":\"/\\n\\\"\"}\n"));
//! ```

mod escape;
mod event;
mod requests;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    io::{self, Write},
    panic::PanicHookInfo,
    sync::OnceLock,
    time::Duration,
};

use tollgate_config::{LogFormat, LogLevel};
use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{self, MakeWriter, format::JsonFields},
    layer::SubscriberExt,
    registry::{LookupSpan, Registry},
    reload::{self, Handle},
};

use self::{
    event::{EventFormat, Fields},
    writer::{Lines, Worker},
};

use self::requests::Threshold;
pub use self::requests::{Request, Requests, Sender};

/// The most bytes of request lines that may wait for stdout; further lines are dropped, so that memory doesn't fill.
const CAPACITY: usize = 8 << 20;
/// How long the end of the process waits for a blocked stdout.
const LAST_FLUSH: Duration = Duration::from_secs(2);
/// How long a panic waits for a blocked stdout: the process may be about to end, but it may also be a request that answers 500.
const PANIC_FLUSH: Duration = Duration::from_millis(100);

static INSTALLED: OnceLock<Lines> = OnceLock::new();

/// Installs the log for the whole process, together with a panic hook.
///
/// Keep the guard until the end of `main`: lines that still wait are written when it is dropped. A program that has more layers,
/// for traces for example, installs them beside [`layer`] itself.
///
/// Fails if a subscriber is installed already.
pub fn init(format: LogFormat, level: LogLevel) -> io::Result<Guard> {
    init_on(io::stdout(), format, level)
}

/// Installs the log as [`init`] does, with its lines on `out`.
pub fn init_on(out: impl Write + Send + 'static, format: LogFormat, level: LogLevel) -> io::Result<Guard> {
    let mut guard = Guard::start(format, level, out, CAPACITY);
    let lines = guard.lines.clone();
    let (filter, handle) = reload::Layer::new(filter(level));
    guard.filter = Some(handle);
    let layer = layer(format, move |line, _| lines.write_event(line)).with_filter(filter);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        .map_err(|error| io::Error::new(io::ErrorKind::AlreadyExists, error))?;
    // Only the first subscriber gets here, so nothing can be installed yet.
    let lines = INSTALLED.get_or_init(|| guard.lines.clone());
    std::panic::set_hook(Box::new(move |panic| {
        lines.write_event(&panic_line(format, panic));
        lines.flush(PANIC_FLUSH);
    }));
    Ok(guard)
}

/// Returns the filter for `level`: Tollgate's own events of this severity and above.
///
/// Libraries are always limited to `warn`, because their events at `debug` and `trace` may contain headers, and so
/// tokens.
pub fn filter(level: LogLevel) -> Targets {
    let level = level_filter(level);
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("tollgate", level)
}

const fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Makes the layer that turns each event into one line, newline included, and calls `write` with it.
///
/// `write` runs on the thread of the event, so it must not wait for anything. [`filter`] belongs to this layer
/// (`layer.with_filter(filter(level))`), not to the whole subscriber: other layers may need more events, such as a span of
/// each request.
pub fn layer<S, W>(format: LogFormat, write: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&[u8], Level) + Send + Sync + 'static,
{
    fmt::layer().event_format(EventFormat(format)).fmt_fields(JsonFields::new()).with_writer(Sink(write))
}

/// Passes the lines of `tracing-subscriber` to a function.
struct Sink<W>(W);

impl<'a, W: Fn(&[u8], Level) + 'a> MakeWriter<'a> for Sink<W> {
    type Writer = LineWriter<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter { write: &self.0, level: Level::INFO }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        LineWriter { write: &self.0, level: *metadata.level() }
    }
}

struct LineWriter<'a, W> {
    write: &'a W,
    level: Level,
}

impl<W: Fn(&[u8], Level)> Write for LineWriter<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        (self.write)(line, self.level);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns how many lines were lost since [`init`] because stdout was blocked, full or closed.
pub fn dropped() -> u64 {
    INSTALLED.get().map_or(0, Lines::dropped)
}

/// Keeps the log's thread alive; dropping it writes the lines that still wait.
#[must_use = "the log ends when the guard is dropped"]
#[derive(Debug)]
pub struct Guard {
    format: LogFormat,
    level: Threshold,
    /// The handle to change the filter; `None` if this is not the log of the process.
    filter: Option<Handle<Targets, Registry>>,
    lines: Lines,
    worker: Option<Worker>,
}

impl Guard {
    /// Returns how many lines were lost because stdout was blocked, full or closed.
    pub fn dropped(&self) -> u64 {
        self.lines.dropped()
    }

    /// Returns the writer for the lines of requests.
    pub fn requests(&self) -> Requests {
        let lines = self.lines.clone();
        Requests::above(self.format, self.level.clone(), move |line, level| lines.append(line, level))
    }

    /// Waits until everything that was logged so far is written, but no longer than `patience`; returns whether it is.
    pub fn flush(&self, patience: Duration) -> bool {
        self.lines.flush(patience)
    }

    /// Logs from this level up from now on.
    pub fn set_level(&self, level: LogLevel) {
        self.level.set(level);
        if let Some(handle) = &self.filter {
            // It fails only when the subscriber, and with it all events, is gone.
            let _ = handle.reload(filter(level));
        }
    }

    fn start(format: LogFormat, level: LogLevel, out: impl Write + Send + 'static, capacity: usize) -> Self {
        let (lines, worker) = writer::start(out, capacity, move |dropped| dropped_line(format, dropped));
        Self { format, level: Threshold::new(level), filter: None, lines, worker: Some(worker) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.end(&self.lines, LAST_FLUSH);
        }
    }
}

fn dropped_line(format: LogFormat, dropped: u64) -> Vec<u8> {
    let mut fields = Fields::with_message("the output was blocked and lines of the log were dropped");
    fields.add("dropped", dropped);
    fields.into_line(format, Level::WARN, module_path!())
}

/// Returns a line that says where a panic happened; never its payload, which may quote a secret.
fn panic_line(format: LogFormat, panic: &PanicHookInfo<'_>) -> Vec<u8> {
    let mut fields = Fields::with_message("a thread panicked; this is a bug");
    if let Some(location) = panic.location() {
        fields.add("file", location.file());
        fields.add("line", location.line());
        fields.add("column", location.column());
    }
    fields.add("thread", std::thread::current().name().unwrap_or("unnamed"));
    fields.into_line(format, Level::ERROR, module_path!())
}
