//! Reading the audit trail.

use tollgate_admin::audit::{self, Query};
use tollgate_core::Timestamp;
use tollgate_store::{RecordFilter, RecordOrder};

use super::Desk;
use crate::error::{OperatorError, own_now};
use crate::page::Page;

impl Desk {
    /// Returns the time by which records are selected: the store's, or this machine's if a server is asked.
    pub async fn now(&self) -> Result<Timestamp, OperatorError> {
        match self {
            Self::Store(opened, _) => Ok(opened.administration().now().await?),
            Self::Server(_) => own_now(),
        }
    }

    /// Returns up to `limit` records that a filter selects.
    pub async fn records(
        &self,
        filter: &RecordFilter,
        order: RecordOrder,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                let after = after.and_then(|seq| seq.parse().ok());
                let query = Query { filter: filter.clone(), order, after, limit };
                let page = audit::list(&opened.administration(), &query, actor).await?;
                let next = page.last().map(|last| last.link.seq.to_string());
                Ok(Page { items: page.iter().map(audit::shown).collect(), next })
            }
            Self::Server(api) => {
                Ok(api.page("/admin/v1/audit", &parameters(filter, order), after, limit).await?)
            }
        }
    }
}

/// Returns a filter as parameters of the server's API.
fn parameters(filter: &RecordFilter, order: RecordOrder) -> Vec<(&'static str, String)> {
    let RecordFilter { since, until, actor, act, object, client, merchant } = filter;
    let newest = (order == RecordOrder::NewestFirst).then(|| "newest".to_owned());
    let given = [
        ("since", since.map(Timestamp::rfc3339_millis)),
        ("until", until.map(Timestamp::rfc3339_millis)),
        ("actor", actor.clone()),
        ("act", act.clone()),
        ("object", object.clone()),
        ("client_id", client.map(|id| id.to_string())),
        ("merchant_id", merchant.map(|id| id.to_string())),
        ("order", newest),
    ];
    given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
