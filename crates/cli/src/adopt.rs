//! `tollgate config adopt`: lets the servers that share a store agree on a configuration.

use serde_json::json;
use tollgate_server::config::Database;
use tollgate_server::{Terms, adopt, whoever_runs_this};

use crate::args::{Format, StoreArgs};
use crate::failure::Failure;
use crate::{open, output};

/// Records what the configuration says, and shows what that is.
pub(crate) async fn run(store: &StoreArgs, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store).await?;
    let now = match opened.config.database.url {
        Database::Postgres(_) => opened.store.now().await?,
        Database::Sqlite(_) => opened.now,
    };
    let by =
        format!("{} by `tollgate config adopt`, tollgate {}", whoever_runs_this(), env!("CARGO_PKG_VERSION"));
    let adopted = adopt(opened.store.as_ref(), &opened.config, &by, now).await?;
    let Terms { issuer, audience, algorithm, access_ttl, refresh_ttl } = Terms::of(&opened.config);
    let replaced = adopted.as_ref().and_then(|adopted| adopted.before.as_ref());
    output::object(
        format,
        &json!({
            "issuer": issuer,
            "audience": audience,
            "algorithm": algorithm,
            "access_ttl_seconds": access_ttl,
            "refresh_ttl_seconds": refresh_ttl,
            "changed": adopted.is_some(),
            "others_serve_until": replaced.zip(adopted.as_ref()).map(|(_, adopted)| output::time(adopted.serve_until)),
        }),
    )
}
