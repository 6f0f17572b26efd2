//! `tollgate store`: commands for the store as a whole.

mod check;
mod transfer;

use std::path::Path;

use serde_json::json;
use tollgate_admin::{audit, rekey};
use tollgate_config::{Config, Database};
use tollgate_operator::{Opened, opening};
use tollgate_store::Access;

use crate::actor::{actor, actor_because};
use crate::args::{StoreArgs, StoreCommand, Why};
use crate::failure::Failure;
use crate::output::Format;
use crate::{open, output, say};

pub(crate) async fn run(command: StoreCommand, format: Format) -> Result<(), Failure> {
    match command {
        StoreCommand::Migrate { store } => {
            let target = open::target(&store)?;
            let access = if target.may_make { Access::Create } else { Access::Change };
            migrate(&target.config, access, format).await
        }
        StoreCommand::Copy(args) => transfer::copy(&args, format).await,
        StoreCommand::Verify(args) => transfer::verify(&args, format).await,
        StoreCommand::Backup { file, store } => back_up(&store, &file, format),
        StoreCommand::Check { store } => check::run(&store, format).await,
        StoreCommand::Rekey { store, why } => reseal(&store, why, format).await,
    }
}

/// Brings the schema up to date. A store from before there was an audit trail gets one, so that an empty trail always means that its
/// records were removed.
async fn migrate(config: &Config, access: Access, format: Format) -> Result<(), Failure> {
    let store = opening::store(config, access).await?;
    let is_installed = store.installation().await?.is_some();
    drop(store);
    let shown = config.database.url.masked();
    output::object(format, &json!({ "store": shown, "schema": "up to date" }))?;
    if !is_installed {
        return Ok(());
    }
    let begun = async {
        let opened = Opened::open(config.clone(), Access::Change, None).await?;
        audit::begin(&opened.administration(), &actor()).await?;
        Ok::<_, Failure>(())
    };
    if let Err(failure) = begun.await {
        say::note(&format!(
            "the audit trail can't be opened, and begins with the first act unless it has begun: {failure}"
        ));
    }
    Ok(())
}

fn back_up(args: &StoreArgs, file: &Path, format: Format) -> Result<(), Failure> {
    let config = open::target(args)?.config;
    let store = match &config.database.url {
        Database::Sqlite(path) => path,
        Database::Postgres(_) => {
            return Err(Failure::new(
                "this store is in PostgreSQL, which has its own tools: `pg_dump --format=custom --file FILE URL` writes a \
                 consistent copy while servers run, and `pg_restore` reads it",
            ));
        }
    };
    let backup = opening::back_up(store, file)?;
    output::object(
        format,
        &json!({ "backup": file.display().to_string(), "bytes": backup.bytes, "checked": true }),
    )
}

async fn reseal(args: &StoreArgs, why: Why, format: Format) -> Result<(), Failure> {
    let opened = open::installation(args, Access::Change).await?;
    let admin = opened.administration();
    let resealed = rekey::rekey(&admin, &actor_because(why)).await?;
    let running = rekey::running_servers(&admin).await?;
    output::object(format, &json!({ "signing_keys": resealed.signing_keys, "changed": resealed.changed }))?;
    if running > 0 {
        say::note(&format!(
            "{running} servers run on this store: each must have the first master key in its list already"
        ));
    }
    Ok(())
}
