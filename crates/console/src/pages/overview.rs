//! The first page: the state of this server, and who is refused most.

use askama::Template;
use http::StatusCode;
use tollgate_admin::{Operation, machine};
use tollgate_server::error::Error;
use tollgate_server::{Refusal, Why};

use super::act::notice;
use super::charts::{self, Chart, RENEWED_EVERY};
use super::page::{Cell, Fact, Page, Section, Table, Tag, fact, html};
use super::visit::{Outcome, Visit};
use super::{paths, view};

/// The most refusals that are listed.
const MOST: usize = 20;
const COLUMNS: [&str; 6] = ["Client", "Why", "Times", "First", "Last", "From"];

pub(super) async fn show(visit: Visit) -> Outcome {
    let mut page = Page::new(visit.frame(), "Overview");
    page.notice = notice(&visit)?;
    let about = Section { facts: standing(&visit), ..Section::new("This server") };
    let page = if sees_figures(&visit) {
        page.is_live = true;
        let lead = format!("By this server, over the last hour. Renewed every {RENEWED_EVERY} seconds.");
        let figures = charts::all(&visit.figures());
        let section = Section { lead, charts: figures, ..Section::new("What goes on") };
        page.section(section).section(by_reason(&visit)).section(refused(&visit)).section(about)
    } else {
        page.section(about).lead("Your sign-in does not let you see figures: that needs the role read.")
    };
    Ok(page.response())
}

/// Answers with only the charts of the overview, for the script that updates them.
pub(super) async fn figures(visit: Visit) -> Outcome {
    if !sees_figures(&visit) {
        return Err(Error::NotFound);
    }
    let charts = charts::all(&visit.figures());
    Ok(html(StatusCode::OK, &Figures { charts }))
}

#[derive(Template)]
#[template(path = "console/figures.html")]
struct Figures {
    charts: Vec<Chart>,
}

fn sees_figures(visit: &Visit) -> bool {
    Operation::ShowStats.is_allowed_by(&visit.session().signed_in.scope)
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

/// Returns a section with the number of refusals for each reason.
fn by_reason(visit: &Visit) -> Section {
    let state = visit.state();
    let (intervals, totals) = (visit.figures(), state.metrics().totals());
    let lately =
        |why: Why| intervals.iter().map(|interval| interval.counted.reasons[why as usize]).sum::<u64>();
    let mut counted: Vec<_> =
        Why::ALL.into_iter().map(|why| (lately(why), totals.reasons[why as usize], why)).collect();
    counted.retain(|(_, total, _)| *total > 0);
    counted.sort_by_key(|(lately, total, _)| std::cmp::Reverse((*lately, *total)));
    let row = |(lately, total, why): (u64, u64, Why)| {
        vec![view::text(why.words()), view::text(lately.to_string()), view::text(total.to_string())]
    };
    let rows = counted.into_iter().map(row).collect();
    let columns = ["Reason", "In the last hour", "Since the start"];
    let table = Table::new(&columns, "Nobody was refused since this server was started.", rows);
    Section { table: Some(table), ..Section::new("Refusals by reason") }
}

/// Returns a section with the clients that were refused here most often.
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
        view::text(refusal.why.words()),
        view::text(refusal.count.to_string()),
        view::time(refusal.first_at),
        view::time(refusal.last_at),
        Cell::Many(sources),
    ]
}
