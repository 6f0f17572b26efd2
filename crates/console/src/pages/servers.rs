//! The page of the servers that share the store, and of the store itself.

use std::time::Duration;

use axum::routing::get;
use tokio::time::Instant;
use tollgate_admin::Operation;
use tollgate_config::duration_text;
use tollgate_core::Timestamp;
use tollgate_server::error::Error;
use tollgate_store::RunningServer;

use super::page::{Cell, Fact, Page, Section, Table, Tag, fact};
use super::routes::{Route, only};
use super::view;
use super::visit::{Outcome, Visit, page};

/// How long a server may be silent until it counts as ended.
const SILENT: Duration = Duration::from_secs(30);
/// How long an ended server is listed.
const LISTED: Duration = Duration::from_secs(24 * 60 * 60);
const COLUMNS: [&str; 3] = ["Machine", "Status", "Last heard of"];

/// Returns the route. Users who may see keys and revocations may see the servers that use them.
pub(super) fn routes() -> Vec<Route> {
    vec![("/console/servers", only("GET, HEAD", get(page(Some(Operation::ListKeys), show))))]
}

async fn show(visit: Visit) -> Outcome {
    let admin = visit.administration();
    let asked = Instant::now();
    let now = admin.store.now().await?;
    let took = asked.elapsed();
    let servers = admin.store.servers(now.before(LISTED)).await?;
    let rows = servers.iter().map(|server| row(server, now)).collect();
    let table = Table::new(&COLUMNS, "No server says that it runs; one that serves alone need not.", rows);
    let all = Section { table: Some(table), ..Section::new("Servers of this store") };
    let this = Section { facts: this_server(&visit), ..Section::new("This server") };
    let store = Section { facts: store(&visit, now, took).await?, ..Section::new("The store") };
    Ok(Page::new(visit.frame(), "Servers and store").section(all).section(this).section(store).response())
}

fn row(server: &RunningServer, now: Timestamp) -> Vec<Cell> {
    let tag = if now.since(server.beat_at) < SILENT {
        Tag { text: "runs", is_good: true }
    } else {
        Tag { text: "silent", is_good: false }
    };
    vec![view::text(server.name.clone()), Cell::Tag(tag), view::time(server.beat_at)]
}

fn this_server(visit: &Visit) -> Vec<Fact> {
    let (state, installation) = (visit.state(), visit.state().installation());
    let readiness = match state.readiness() {
        Ok(()) => Cell::Tag(Tag { text: "ready", is_good: true }),
        Err(reason) => Cell::Many(vec![
            Cell::Tag(Tag { text: "not ready", is_good: false }),
            view::text(reason.to_string()),
        ]),
    };
    let leads = if installation.rotates_keys() { "yes: it advances the signing keys for all" } else { "no" };
    let unread =
        Duration::from_millis(u64::try_from(installation.unread_for().as_millis()).unwrap_or(u64::MAX));
    let behind = format!("{} ago", duration_text(unread));
    let unstreamed =
        installation.unstreamed().map_or(Cell::Nothing("not streamed by this server"), |records| {
            view::text(format!("{records} records wait"))
        });
    vec![
        fact("Machine", view::text(tollgate_admin::machine())),
        fact("Readiness", readiness),
        fact("Leads", view::text(leads)),
        fact("Change log read", view::text(behind)),
        fact("Clock", view::text(format!("{} s from the store's", installation.clock_offset()))),
        fact("Audit stream", unstreamed),
        fact("Connections", view::text(state.open_connections().to_string())),
    ]
}

async fn store(visit: &Visit, now: Timestamp, took: Duration) -> Result<Vec<Fact>, Error> {
    let admin = visit.administration();
    let trail = admin.store.trail().await?;
    let records = trail.newest.seq.saturating_sub(trail.purged.seq);
    Ok(vec![
        fact("Where", Cell::Code(admin.config.database.url.masked())),
        fact("Answers", view::text(format!("in {:.1} ms", took.as_secs_f64() * 1000.0))),
        fact("Clock", view::time(now)),
        fact(
            "Audit trail",
            view::text(format!("{records} records, {} deleted after their time", trail.purged.seq)),
        ),
    ])
}
