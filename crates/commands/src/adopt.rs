//! `tollgate config adopt`: makes the servers that share a store agree on a configuration.

use serde_json::json;
use tollgate_admin::{Terms, configuration, whoever_runs_this};
use tollgate_store::Access;

use crate::actor::actor_because;
use crate::args::{StoreArgs, Why};
use crate::failure::Failure;
use crate::output::Format;
use crate::{open, output};

/// What `tollgate config adopt` takes.
#[derive(Debug, clap::Args)]
pub struct AdoptArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    why: Why,
}

/// Records the terms of the configuration, and prints them.
pub async fn adopt(AdoptArgs { store, why }: AdoptArgs, format: Format) -> Result<(), Failure> {
    let opened = open::installation(&store, Access::Create).await?;
    let by =
        format!("{} by `tollgate config adopt`, tollgate {}", whoever_runs_this(), env!("CARGO_PKG_VERSION"));
    let adopted = configuration::adopt(&opened.administration(), &by, &actor_because(why)).await?;
    let Terms { issuer, audience, algorithm, access_ttl, refresh_ttl, audiences } = Terms::of(&opened.config);
    let replaced = adopted.as_ref().and_then(|adopted| adopted.before.as_ref());
    output::object(
        format,
        &json!({
            "issuer": issuer,
            "audience": audience,
            "algorithm": algorithm,
            "access_ttl_seconds": access_ttl,
            "refresh_ttl_seconds": refresh_ttl,
            "audiences": audiences,
            "changed": adopted.is_some(),
            "others_serve_until": replaced.zip(adopted.as_ref()).map(|(_, adopted)| adopted.serve_until.rfc3339()),
        }),
    )
}
