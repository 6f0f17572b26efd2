//! The store's operations and queues, as metrics.

use tollgate_store::{BOUNDS, Operation, Store};

use crate::exposition::{Exposition, Kind};

const DURATIONS: &str = "tollgate_store_duration_seconds";
const FAILURES: &str = "tollgate_store_failures_total";
const WAITS: &str = "tollgate_store_wait_seconds";
const WAITING: &str = "tollgate_store_waiting";
const WAITING_LIMIT: &str = "tollgate_store_waiting_limit";
const CONNECTIONS: &str = "tollgate_store_connections";
const CONNECTIONS_LIMIT: &str = "tollgate_store_connections_limit";

/// Writes all metrics of the store.
pub(crate) fn write(store: &dyn Store, out: &mut Exposition) {
    let measures = store.measures();
    out.family(DURATIONS, Kind::Histogram, "How long the store takes, waiting included.");
    for operation in Operation::ALL {
        let (labels, durations) = (of(operation), measures.durations(operation));
        out.durations(DURATIONS, labels, &BOUNDS, &durations.buckets(), durations.micros());
    }
    out.family(FAILURES, Kind::Counter, "What the store failed at.");
    for operation in Operation::ALL {
        out.labelled(FAILURES, of(operation), measures.failures(operation));
    }
    let waits = measures.waits();
    let help = "How long work waited for a thread of the store, or for a connection to the database.";
    out.family(WAITS, Kind::Histogram, help);
    out.durations(WAITS, "", &BOUNDS, &waits.buckets(), waits.micros());
    write_queues(store, out);
    write_connections(store, out);
}

fn of(operation: Operation) -> String {
    format!("operation=\"{}\"", operation.as_str())
}

fn write_queues(store: &dyn Store, out: &mut Exposition) {
    let queues = store.queued();
    out.family(WAITING, Kind::Gauge, "What waits for the store.");
    for queued in &queues {
        out.labelled(WAITING, format_args!("queue=\"{}\"", queued.queue), queued.waiting);
    }
    out.family(WAITING_LIMIT, Kind::Gauge, "How much may wait; more is answered 503.");
    for queued in &queues {
        out.labelled(WAITING_LIMIT, format_args!("queue=\"{}\"", queued.queue), queued.limit);
    }
}

/// Writes the number of connections. A store in a file has none.
fn write_connections(store: &dyn Store, out: &mut Exposition) {
    let Some(connections) = store.connections() else { return };
    out.family(CONNECTIONS, Kind::Gauge, "Connections to the database.");
    for (state, count) in [("idle", connections.idle), ("busy", connections.busy)] {
        out.labelled(CONNECTIONS, format_args!("state=\"{state}\""), count);
    }
    let help = "The most connections to the database that there may be.";
    out.single(CONNECTIONS_LIMIT, Kind::Gauge, help, connections.limit);
}
