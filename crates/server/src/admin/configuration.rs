//! What the servers of a store agree on.

use super::{Actor, AdminError, Administration};
use crate::agreement::{self, Adopted, KEYS_KNOWN_WITHIN};

/// Lets the servers of the store agree on what the configuration says; `by` says for people who decided that. `None` if
/// they agree on it already.
pub async fn adopt(
    admin: &Administration<'_>,
    by: &str,
    actor: &Actor,
) -> Result<Option<Adopted>, AdminError> {
    // Servers compare the time with their store's clock.
    let now = admin.store.now().await?;
    Ok(agreement::adopt(admin.store, admin.config, by, now, actor).await?)
}

/// Lets the servers of the store agree likewise, as if every server knew of it already: for servers that all start by the
/// same command, each with the same configuration.
pub async fn adopt_as_known(
    admin: &Administration<'_>,
    by: &str,
    actor: &Actor,
) -> Result<Option<Adopted>, AdminError> {
    let known = admin.store.now().await?.before(KEYS_KNOWN_WITHIN);
    Ok(agreement::adopt(admin.store, admin.config, by, known, actor).await?)
}
