//! Adopting a configuration as what the servers of a store agree on.

use std::time::Duration;

use serde_json::json;
use tollgate_store::Object;

use super::acting::{Attempt, Order};
use super::{Actor, AdminError, Administration};
use crate::agreement::{self, Adopted, KEYS_KNOWN_WITHIN, Terms};

/// Makes the servers of the store agree on the terms of the configuration; `by` names for people who decided that. Returns `None` if
/// they agree on them already.
pub async fn adopt(
    admin: &Administration<'_>,
    by: &str,
    actor: &Actor,
) -> Result<Option<Adopted>, AdminError> {
    adopt_as_of(admin, by, actor, Duration::ZERO).await
}

/// Makes the servers of the store agree on the terms of the configuration as if every server knew of them already: for servers that
/// all start by the same command, each with the same configuration.
pub async fn adopt_as_known(
    admin: &Administration<'_>,
    by: &str,
    actor: &Actor,
) -> Result<Option<Adopted>, AdminError> {
    adopt_as_of(admin, by, actor, KEYS_KNOWN_WITHIN).await
}

async fn adopt_as_of(
    admin: &Administration<'_>,
    by: &str,
    actor: &Actor,
    known_for: Duration,
) -> Result<Option<Adopted>, AdminError> {
    let attempt = |attempt: Attempt| async move {
        // Servers compare the time with their store's clock.
        let at = admin.store.now().await?.before(known_for);
        let act = |before: Option<&Terms>, own: &Terms| attempt.changes(&json!(before), &json!(own));
        Ok(agreement::adopt(admin.store, admin.config, by, at, act).await?)
    };
    admin.act(actor, Order::new("configuration.adopt", Object::Configuration), attempt).await
}
