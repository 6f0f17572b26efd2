//! Deletion of records that have been kept long enough.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::Timestamp;
use tollgate_keys::Link;
use tollgate_store::{Object, Record, RecordFilter, RecordOrder};

use super::verify::{Anchor, PURGE};
use crate::acting::{Attempt, Order};
use crate::{Actor, AdminError, Administration};

/// The act of exporting the trail to its end, which allows the exported records to be purged.
pub(super) const EXPORTED: &str = "trail.exported";
/// How much longer than necessary records are kept, so that a purge deletes more records than the one it adds.
const AT_ONCE_A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The most records that are deleted at once.
const MOST: u32 = 10_000;

/// Deletes the oldest records, as far as all of them have been kept for as long as the configuration says at `passed`, a time that
/// has certainly passed. If the configuration asks for it, only exported records are deleted, and if the trail is streamed, only
/// streamed ones. The trail goes on after the last of them, and a record says so. Returns the number of deleted records.
///
/// A record that a wrong clock dated into the future keeps the records after it until that time.
pub async fn purge(admin: &Administration<'_>, passed: Timestamp, actor: &Actor) -> Result<u64, AdminError> {
    let audit = &admin.config.audit;
    // The store's clock dated the records, so it must agree.
    let until = passed.min(admin.store.now().await?).before(audit.keep);
    let oldest = admin.store.records(&RecordFilter::default(), RecordOrder::OldestFirst, None, 1).await?;
    if oldest.first().is_none_or(|oldest| oldest.at.after(AT_ONCE_A_DAY) > until) {
        return Ok(0);
    }
    let exported = if audit.purge_only_exported { exported_through(admin).await? } else { u64::MAX };
    let streamed = if audit.stream.is_some() { admin.store.streamed().await? } else { u64::MAX };
    let most = exported.min(streamed);
    let oldest = admin.store.records(&RecordFilter::default(), RecordOrder::OldestFirst, None, MOST).await?;
    let is_due = |record: &&Record| record.at <= until && record.link.seq <= most;
    let Some(last) = oldest.iter().take_while(is_due).last() else { return Ok(0) };
    purge_through(admin, last.link, actor).await
}

/// Deletes the records up to this one, whatever their age. Returns their number.
pub async fn purge_through(
    admin: &Administration<'_>,
    through: Link,
    actor: &Actor,
) -> Result<u64, AdminError> {
    let attempt = |attempt: Attempt| async move {
        let act = attempt.makes(&json!({ "through": Anchor(through).to_string() }));
        Ok(admin.store.purge_records(through, &act).await?)
    };
    admin.act(actor, Order::new(PURGE, Object::Trail), attempt).await
}

/// Returns the number of the record up to which every record was exported.
async fn exported_through(admin: &Administration<'_>) -> Result<u64, AdminError> {
    let exports = RecordFilter { act: Some(EXPORTED.to_owned()), ..RecordFilter::default() };
    let (mut through, mut after) = (admin.store.trail().await?.purged.seq, None);
    loop {
        let page = admin.store.records(&exports, RecordOrder::OldestFirst, after, 500).await?;
        let Some(last) = page.last() else { return Ok(through) };
        after = Some(last.link.seq);
        for export in page.iter().filter_map(|record| record.after.as_deref()) {
            let Ok(export) = serde_json::from_str::<Value>(export) else { continue };
            let began = export["after"].as_u64().unwrap_or(0);
            let ended = export["through"].as_str().and_then(|text| text.parse::<Anchor>().ok());
            if let Some(Anchor(ended)) = ended.filter(|_| began <= through) {
                through = through.max(ended.seq);
            }
        }
    }
}
