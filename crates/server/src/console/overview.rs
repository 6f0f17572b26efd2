//! The page that comes first: how this server stands, and who is refused most.

use super::act::notice;
use super::page::{Cell, Fact, Page, Section, Table, Tag, fact};
use super::visit::{Outcome, Visit};
use super::{paths, view};
use crate::admin::Role;
use crate::process::machine;
use crate::refusals::Refusal;

/// How many refusals are listed.
const MOST: usize = 20;
const COLUMNS: [&str; 6] = ["Client", "Why", "Times", "First", "Last", "From"];

pub(super) async fn show(visit: Visit) -> Outcome {
    let mut page = Page::new(visit.frame(), "Overview");
    page.notice = notice(&visit)?;
    let page = page.section(Section { facts: standing(&visit), ..Section::new("This server") });
    let page = if visit.session().signed_in.scope.contains(Role::Read.scope()) {
        page.section(refused(&visit))
    } else {
        page.lead("Your sign-in does not let you see figures: that needs the role read.")
    };
    Ok(page.response())
}

fn standing(visit: &Visit) -> Vec<Fact> {
    let state = visit.state();
    let readiness = match state.readiness() {
        Ok(()) => Cell::Tag(Tag { text: "ready", is_good: true }),
        Err(reason) => Cell::Many(vec![
            Cell::Tag(Tag { text: "not ready", is_good: false }),
            view::text(reason.to_string()),
        ]),
    };
    vec![
        fact("Machine", view::text(machine())),
        fact("Version", view::text(env!("CARGO_PKG_VERSION"))),
        fact("Readiness", readiness),
        fact("Issuer", Cell::Code(state.config().public_url.clone())),
        fact("Clock", view::time(state.installation().store_time())),
    ]
}

/// Who was refused here most often.
fn refused(visit: &Visit) -> Section {
    let state = visit.state();
    let now = state.installation().now();
    let found = state.refusals().most(MOST, now, state.config().audit.keep_sources);
    let table = Table::new(
        &COLUMNS,
        "Nobody was refused since this server was started.",
        found.iter().map(row).collect(),
    );
    let lead = "By this server, since it was started; the most frequent first.".to_owned();
    Section { lead, table: Some(table), ..Section::new("Who is refused, and why") }
}

fn row(refusal: &Refusal) -> Vec<Cell> {
    let client = refusal
        .client
        .map_or(Cell::Nothing("none that exists"), |id| view::link(paths::client(id), id.to_string()));
    let sources = refusal.sources.iter().map(|source| Cell::Code(source.to_string())).collect();
    vec![
        client,
        view::text(refusal.why.as_str().replace('_', " ")),
        view::text(refusal.count.to_string()),
        view::time(refusal.first_at),
        view::time(refusal.last_at),
        Cell::Many(sources),
    ]
}
