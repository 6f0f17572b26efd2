//! `tollgate key`.

use serde_json::json;
use tollgate_core::Phase;
use tollgate_server::admin::keys;
use tollgate_store::Access;

use crate::actor::actor;
use crate::args::{Format, KeyCommand, StoreArgs};
use crate::confirm::Confirm;
use crate::failure::Failure;
use crate::open;
use crate::output::{self, List};

pub(crate) async fn run(command: KeyCommand, format: Format) -> Result<(), Failure> {
    match command {
        KeyCommand::List { store } => list(&store, format).await,
        KeyCommand::Rotate { compromised, confirm, store } => {
            rotate(&store, compromised, confirm, format).await
        }
    }
}

async fn list(store: &StoreArgs, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store, Access::Read).await?;
    let columns = &[
        ("key_id", 36),
        ("phase", 11),
        ("algorithm", 9),
        ("activates_at", 20),
        ("retires_at", 20),
        ("advances_at", 20),
    ];
    let listed = keys::list(&opened.administration()).await?;
    let mut list = List::start(format, columns)?;
    for keys::ListedKey { key, phase, advances_at } in listed {
        list.item(&json!({
            "key_id": key.id,
            "phase": phase.map(Phase::as_str),
            "algorithm": key.algorithm.as_str(),
            "created_at": output::time(key.created_at),
            "activates_at": output::time(key.activates_at),
            "retires_at": key.retires_at.map(output::time),
            "advances_at": advances_at.map(output::time),
        }))?;
    }
    list.end()
}

async fn rotate(
    store: &StoreArgs,
    compromised: bool,
    confirm: Confirm,
    format: Format,
) -> Result<(), Failure> {
    let opened = open::installation(store, Access::Change).await?;
    let admin = opened.administration();
    if compromised && confirm.asks() {
        confirm.ask("End every signing key of this store, and refuse every token of every client?")?;
    }
    let added = if compromised {
        keys::replace_compromised(&admin, &actor()).await?
    } else {
        keys::rotate(&admin, &actor()).await?
    };
    output::object(
        format,
        &json!({
            "key_id": added.id,
            "activates_at": output::time(added.activates_at),
            "others_retire_at": output::time(added.others_retire_at),
        }),
    )
}
