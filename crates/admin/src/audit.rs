//! The audit trail: reading it, which is recorded itself, verifying it, and deleting records that were kept long enough.

mod line;
mod purge;
mod verify;

use serde_json::{Value, json};
use tollgate_core::Timestamp;
use tollgate_keys::Link;
use tollgate_store::{Object, Outcome, Record, RecordFilter, RecordOrder};

use crate::process::{machine, this_server};

use super::acting::{Attempt, Order};
use super::{Actor, AdminError, Administration};

pub use line::{Line, LineError, shown};
pub use purge::{purge, purge_through};
pub(crate) use verify::verify_by;
pub use verify::{Anchor, AnchorError, Chain, Flaw, Verified, is_purge, purged_through, verify};

/// A query for records of the trail.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The conditions that each record must meet.
    pub filter: RecordFilter,
    /// The order of the records.
    pub order: RecordOrder,
    /// The number of the last record that the caller has, in this order; the page begins after it.
    pub after: Option<u64>,
    /// The most records on the page.
    pub limit: u32,
}

/// Returns a page of records. Reading the trail is recorded, too: by a record for the first page of a list, before it is read.
pub async fn list(
    admin: &Administration<'_>,
    query: &Query,
    actor: &Actor,
) -> Result<Vec<Record>, AdminError> {
    if query.after.is_none() {
        read_by(admin, "trail.list", actor, &asked_for(&query.filter)).await?;
    }
    Ok(admin.store.records(&query.filter, query.order, query.after, query.limit).await?)
}

/// Records that somebody exports the trail, from the record after `after` on.
pub async fn start_export(
    admin: &Administration<'_>,
    after: Option<u64>,
    actor: &Actor,
) -> Result<(), AdminError> {
    read_by(admin, "trail.export", actor, &json!({ "after": after })).await
}

/// Returns a page of an export, oldest first.
pub async fn export_page(
    admin: &Administration<'_>,
    after: Option<u64>,
    limit: u32,
) -> Result<Vec<Record>, AdminError> {
    Ok(admin.store.records(&RecordFilter::default(), RecordOrder::OldestFirst, after, limit).await?)
}

/// Records that an export of the records after `after` up to `through` was written to its end.
pub async fn end_export(
    admin: &Administration<'_>,
    after: Option<u64>,
    through: Link,
    actor: &Actor,
) -> Result<(), AdminError> {
    let what = json!({ "after": after, "through": Anchor(through).to_string() });
    read_by(admin, purge::EXPORTED, actor, &what).await
}

/// Records that a request was refused before its object was known: a role that does not suffice, or a token of a merchant.
pub async fn refused(
    admin: &Administration<'_>,
    act: &'static str,
    object: Object,
    why: &str,
    actor: &Actor,
) -> Result<(), AdminError> {
    record(admin, Order::new(act, object), Outcome::Refused, &json!({ "refused": why }), actor).await
}

/// Begins the trail of a store from before there was one, after it was brought up to date. A trail that has begun is not changed.
pub async fn begin(admin: &Administration<'_>, actor: &Actor) -> Result<(), AdminError> {
    if admin.store.trail().await?.newest != Link::START {
        return Ok(());
    }
    let order = Order::new("store.migrate", Object::Store);
    record(admin, order, Outcome::Done, &json!({ "schema": "up to date" }), actor).await
}

/// Records that a server of this machine did not start, and why.
pub async fn start_failed(admin: &Administration<'_>, why: &str) -> Result<(), AdminError> {
    let order = Order::new("server.start", Object::Server(machine()));
    record(admin, order, Outcome::Failed, &json!({ "reason": why }), &this_server()).await
}

async fn read_by(
    admin: &Administration<'_>,
    act: &'static str,
    actor: &Actor,
    what: &Value,
) -> Result<(), AdminError> {
    record(admin, Order::new(act, Object::Trail), Outcome::Done, what, actor).await
}

/// Records something that changes nothing else.
async fn record(
    admin: &Administration<'_>,
    order: Order,
    outcome: Outcome,
    what: &Value,
    actor: &Actor,
) -> Result<(), AdminError> {
    let attempt =
        |attempt: Attempt| async move { Ok(admin.store.record(&attempt.happens(outcome, what)).await?) };
    admin.act(actor, order, attempt).await
}

fn asked_for(filter: &RecordFilter) -> Value {
    let RecordFilter { since, until, actor, act, object, client, merchant } = filter;
    let time = |time: &Option<Timestamp>| time.map(Timestamp::rfc3339_millis);
    let given = json!({
        "since": time(since),
        "until": time(until),
        "actor": actor,
        "act": act,
        "object": object,
        "client_id": client.map(|id| id.to_string()),
        "merchant_id": merchant.map(|id| id.to_string()),
    });
    let Value::Object(members) = given else { return given };
    members.into_iter().filter(|(_, value)| !value.is_null()).collect()
}
