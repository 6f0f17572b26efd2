//! Listens to all that is said in the process: events and spans at TRACE, by `tracing` and by `log`, and what a test
//! repeats.

use std::fmt::{Debug, Write as _};
use std::sync::{LazyLock, Mutex, MutexGuard};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// All that was said, by anybody.
static SAID: LazyLock<Mutex<String>> = LazyLock::new(Mutex::default);

struct Listening;

/// Begins to listen, for as long as the process runs.
pub(crate) fn listen() {
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Listening)).unwrap();
    log::set_logger(&Listening).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
}

/// Repeats a value, as it shows itself.
pub(crate) fn say(what: &dyn Debug) {
    writeln!(SAID.lock().unwrap(), "{what:?}").unwrap();
}

/// All that was said.
pub(crate) fn said() -> MutexGuard<'static, String> {
    SAID.lock().unwrap()
}

impl Visit for Listening {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        say(&(field.name(), format!("{value:?}")));
    }
}

impl<S: Subscriber> Layer<S> for Listening {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        say(&attributes.metadata().name());
        attributes.record(&mut Listening);
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Listening);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        say(&event.metadata().target());
        event.record(&mut Listening);
    }
}

impl log::Log for Listening {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        say(record.args());
    }

    fn flush(&self) {}
}
