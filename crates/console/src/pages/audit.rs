//! The pages of the audit trail.

use std::time::UNIX_EPOCH;

use axum::routing::get;
use tollgate_admin::{Operation, audit};
use tollgate_core::Timestamp;
use tollgate_http::Problem;
use tollgate_server::error::Error;
use tollgate_store::{Record, RecordFilter, RecordOrder};

use super::form::Fields;
use super::page::{Cell, Field, Form, Link, Look, Page, Section, Table, Tag, fact};
use super::routes::{Route, only};
use super::visit::{Outcome, Visit, page};
use super::{paths, view};

const PATH: &str = "/console/audit";
/// The number of records on a page.
const LIMIT: u32 = 50;
const COLUMNS: [&str; 7] = ["Number", "When", "Outcome", "Act", "Object", "Who", "Reason"];
const ORDERS: [(&str, &str); 2] = [("newest", "newest first"), ("oldest", "oldest first")];

/// Returns the routes of the audit trail.
pub(super) fn routes() -> Vec<Route> {
    let operation = Some(Operation::ListRecords);
    vec![
        (PATH, only("GET, HEAD", get(page(operation, list)))),
        ("/console/audit/{seq}", only("GET, HEAD", get(page(operation, show)))),
    ]
}

async fn list(visit: Visit) -> Outcome {
    let query = visit.query()?;
    let after: Option<u64> = query.parsed("after", "must be the number of a record")?;
    let wanted = audit::Query { filter: filter(&query)?, order: order(&query)?, after, limit: LIMIT };
    let found = audit::list(&visit.administration(), &wanted, visit.actor()).await?;
    let mut table = Table::new(&COLUMNS, "No record is like that.", found.iter().map(row).collect());
    table.first = after.map(|_| format!("{PATH}?{}", query.query_with("after", "")));
    let next = found.last().filter(|_| found.len() == LIMIT as usize).map(|last| last.link.seq.to_string());
    table.next = next.map(|next| format!("{PATH}?{}", query.query_with("after", &next)));
    let section =
        Section { filter: Some(filter_form(&query)), table: Some(table), ..Section::new("Records") };
    let lead = "Who did what, when, from where and why. Looking at it is recorded, too. `tollgate audit verify` says whether it is whole.";
    Ok(Page::new(visit.frame(), "Audit trail").lead(lead.replace('`', "")).section(section).response())
}

fn filter(query: &Fields) -> Result<RecordFilter, Error> {
    let text = |name| query.given(name).map(str::to_owned);
    Ok(RecordFilter {
        since: time(query, "since")?,
        until: time(query, "until")?,
        actor: text("actor"),
        act: text("act"),
        object: text("object"),
        client: query.parsed("client_id", "must be the id of a client")?,
        merchant: query.parsed("merchant_id", "must be the id of a merchant")?,
    })
}

fn order(query: &Fields) -> Result<RecordOrder, Error> {
    match query.given("order") {
        None | Some("newest") => Ok(RecordOrder::NewestFirst),
        Some("oldest") => Ok(RecordOrder::OldestFirst),
        Some(_) => Err(Problem::new("order", "must be newest or oldest").into()),
    }
}

/// Reads a day, or a time in UTC.
fn time(query: &Fields, name: &'static str) -> Result<Option<Timestamp>, Error> {
    let Some(text) = query.given(name) else { return Ok(None) };
    let wrong =
        || Problem::new(name, "must be a day or a time in UTC, such as 2026-11-24 or 2026-11-24T13:59:09Z");
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let since = humantime::parse_rfc3339(&whole).ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let millis = since.and_then(|since| u64::try_from(since.as_millis()).ok()).ok_or_else(wrong)?;
    Ok(Some(Timestamp::from_millis(millis)))
}

fn filter_form(query: &Fields) -> Form {
    Form::filter(PATH)
        .field(Field::line("since", "Since", query.text("since")).hint("2026-11-24"))
        .field(Field::line("until", "Before", query.text("until")).hint("2026-11-25"))
        .field(Field::line("actor", "Who begins with", query.text("actor")).hint("console:ada"))
        .field(Field::line("act", "Act begins with", query.text("act")).hint("client."))
        .field(Field::line("object", "Object", query.text("object")).hint("key:ID"))
        .field(Field::line("client_id", "Client id", query.text("client_id")))
        .field(Field::line("merchant_id", "Merchant id", query.text("merchant_id")))
        .field(Field::choice("order", "Order", query.text("order"), &ORDERS))
}

fn outcome(record: &Record) -> Cell {
    Cell::Tag(match record.outcome.as_str() {
        "done" => Tag { text: "done", is_good: true },
        "refused" => Tag { text: "refused", is_good: false },
        "failed" => Tag { text: "failed", is_good: false },
        "asked" => Tag { text: "asked", is_good: false },
        // The text of another program is shown only on the page of the record.
        _ => Tag { text: "unknown", is_good: false },
    })
}

fn row(record: &Record) -> Vec<Cell> {
    let number = record.link.seq.to_string();
    vec![
        view::link(format!("{PATH}/{number}"), number),
        view::time(record.at),
        outcome(record),
        Cell::Code(record.act.clone()),
        Cell::Code(record.object.clone()),
        view::text(record.actor.clone()),
        record.reason.clone().map_or(Cell::Nothing("none"), view::text),
    ]
}

async fn show(visit: Visit) -> Outcome {
    let seq: u64 = visit.id("seq")?;
    let before = seq.checked_sub(1).ok_or(Error::NoSuchThing)?;
    let wanted = audit::Query { after: Some(before), limit: 1, ..audit::Query::default() };
    let found = audit::list(&visit.administration(), &wanted, visit.actor()).await?;
    let record = found.into_iter().find(|record| record.link.seq == seq).ok_or(Error::NoSuchThing)?;
    let text = |text: &Option<String>, none| text.clone().map_or(Cell::Nothing(none), Cell::Code);
    let client = record.client_id.map(|id| view::link(paths::client(id), id.to_string()));
    let merchant = record.merchant_id.map(|id| view::link(paths::merchant(id), id.to_string()));
    let facts = vec![
        fact("When", view::time(record.at)),
        fact("Outcome", Cell::Code(record.outcome.clone())),
        fact("Act", Cell::Code(record.act.clone())),
        fact("Object", Cell::Code(record.object.clone())),
        fact("Who", view::text(record.actor.clone())),
        fact("From", text(&record.source, "not known")),
        fact("Reason", record.reason.clone().map_or(Cell::Nothing("none"), view::text)),
        fact("Client", client.unwrap_or(Cell::Nothing("none"))),
        fact("Merchant", merchant.unwrap_or(Cell::Nothing("none"))),
        fact("Before", text(&record.before, "nothing")),
        fact("After", text(&record.after, "nothing")),
        fact("Request id", text(&record.request_id, "none")),
    ];
    let page = Page::new(visit.frame(), format!("Record {seq}")).below(Link::new(
        PATH,
        "Audit trail",
        Look::Secondary,
    ));
    Ok(page.section(Section { facts, ..Section::new("What it says") }).response())
}
