//! `tollgate store copy` and `tollgate store verify`: moving a store to another engine.

use std::sync::Arc;

use serde_json::json;
use tollgate_admin::{AdminError, copy};
use tollgate_operator::opening;
use tollgate_store::{Access, Store};

use crate::args::TransferArgs;
use crate::failure::Failure;
use crate::output::Format;
use crate::{open, output};

pub(super) async fn copy(args: &TransferArgs, format: Format) -> Result<(), Failure> {
    let Stores { from, to } = open(args, Access::Create).await?;
    let copied = copy::copy(from.as_ref(), to.as_ref()).await.map_err(|error| match error {
        AdminError::TargetNotEmpty => Failure::new(format!(
            "{} holds something already: name an empty store, nothing was changed",
            args.to.masked()
        )),
        error => error.into(),
    })?;
    let copied = copied.iter().map(|copied| json!({ "table": copied.table.name(), "rows": copied.rows }));
    output::list(format, &[("table", 16), ("rows", 10)], &copied.collect::<Vec<_>>())
}

pub(super) async fn verify(args: &TransferArgs, format: Format) -> Result<(), Failure> {
    let Stores { from, to } = open(args, Access::Read).await?;
    let compared = copy::compare(from.as_ref(), to.as_ref()).await?;
    let shown = compared.iter().map(|compared| {
        json!({
            "table": compared.table.name(),
            "rows": compared.from.rows,
            "rows_there": compared.to.rows,
            "same": compared.is_same(),
            "digest": compared.from.digest,
            "digest_there": compared.to.digest,
        })
    });
    let columns = &[("table", 16), ("rows", 10), ("rows_there", 10), ("same", 5)];
    output::list(format, columns, &shown.collect::<Vec<_>>())?;
    let different = compared.iter().filter(|compared| !compared.is_same());
    let different: Vec<_> = different.map(|compared| compared.table.name()).collect();
    if different.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("the stores differ in {}", different.join(", "))))
}

struct Stores {
    from: Arc<dyn Store>,
    to: Arc<dyn Store>,
}

/// Opens both stores. Neither needs the master key. The target of a copy is created here, so the source is checked before.
async fn open(args: &TransferArgs, access: Access) -> Result<Stores, Failure> {
    let config = open::target(&args.store)?.config;
    if args.to.has_password() {
        return Err(Failure::of_misuse(
            "--to has a password in it, which others can see: give --to-password file:PATH or env:NAME",
        ));
    }
    let from = opening::store(&config, Access::Read).await?;
    copy::check_source(from.as_ref()).await.map_err(|error| match error {
        AdminError::NoInstallation => {
            Failure::new(format!("{} holds no installation", config.database.url.masked()))
        }
        error => error.into(),
    })?;
    let mut other = config;
    other.database.url.clone_from(&args.to);
    other.database.password.clone_from(&args.to_password);
    Ok(Stores { from, to: opening::store(&other, access).await? })
}
