//! What a server logs in a test, kept to be searched.

use std::sync::{Arc, Mutex};

use tollgate_config::{LogFormat, LogLevel};
use tollgate_log::Requests;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::prelude::*;

/// Takes every event of this thread at TRACE, the libraries below included, which the production filter keeps quiet.
pub(crate) struct WrittenLog {
    written: Arc<Mutex<Vec<u8>>>,
    guard: DefaultGuard,
    /// While there is one subscriber only, the first thread to reach an event decides for all whether it is wanted, and the
    /// threads of other tests want none.
    _second: tracing::Dispatch,
}

impl WrittenLog {
    pub(crate) fn start() -> Self {
        let written = Arc::default();
        let layer = tollgate_log::layer(LogFormat::Json, into(&written));
        let second = tracing::Dispatch::new(tracing_subscriber::registry());
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        Self { written, guard, _second: second }
    }

    /// What writes the lines of requests to it.
    pub(crate) fn requests(&self) -> Requests {
        Requests::new(LogFormat::Json, LogLevel::Trace, into(&self.written))
    }

    /// Ends it, and returns what was written.
    pub(crate) fn end(self) -> String {
        drop(self.guard);
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }
}

fn into(written: &Arc<Mutex<Vec<u8>>>) -> impl Fn(&[u8], tracing::Level) + Clone + Send + Sync + 'static {
    let sink = written.clone();
    move |line, _| sink.lock().unwrap().extend_from_slice(line)
}
