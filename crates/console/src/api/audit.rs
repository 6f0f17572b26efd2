//! The handlers of `/admin/v1/audit`.

use tollgate_admin::{Page, audit};
use tollgate_store::{RecordFilter, RecordOrder};

use super::call::{Call, Outcome};
use super::listing::Query;
use super::paths;
use super::values::{OrderText, Part, Time};
use super::view;

fn filter(query: &mut Query) -> RecordFilter {
    let text = |query: &mut Query, name| query.filter::<Part>(name).map(|Part(text)| text);
    RecordFilter {
        since: query.filter::<Time>("since").map(|Time(time)| time),
        until: query.filter::<Time>("until").map(|Time(time)| time),
        actor: text(query, "actor"),
        act: text(query, "act"),
        object: text(query, "object"),
        client: query.filter("client_id"),
        merchant: query.filter("merchant_id"),
    }
}

pub(super) async fn list(call: Call) -> Outcome {
    let mut query = call.query();
    let filter = filter(&mut query);
    let order = query.filter::<OrderText>("order").map_or(RecordOrder::OldestFirst, |OrderText(order)| order);
    let listing = query.listing::<u64>(paths::AUDIT)?;
    let wanted = audit::Query { filter, order, after: listing.after, limit: listing.limit };
    let found = audit::list(&call.administration(), &wanted, call.actor()).await?;
    let is_full = found.len() == listing.limit as usize;
    let next = found.last().filter(|_| is_full).map(|last| last.link.seq);
    Ok(view::page(&Page { items: found, next }, &listing, audit::shown))
}
