//! Signing keys: what there are, and the next one.

use std::time::Duration;

use serde_json::json;
use tollgate_core::Keyring;
use tollgate_server::{new_signing_key, open_signing_keys};

use crate::args::{Format, KeyCommand, StoreArgs};
use crate::failure::Failure;
use crate::open;
use crate::output::{self, List};

/// How long a new key is known before it signs: every server has read it by then, several times over.
const LEAD: Duration = Duration::from_secs(5);
/// How much longer than its longest token an old key verifies.
const MARGIN: Duration = Duration::from_secs(60);

pub(crate) async fn key(command: KeyCommand, format: Format) -> Result<(), Failure> {
    match command {
        KeyCommand::List { store } => list(&store, format).await,
        KeyCommand::Rotate { compromised, store } => rotate(&store, compromised, format).await,
    }
}

async fn list(store: &StoreArgs, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store).await?;
    let sealed = opened.store.signing_keys().await?;
    let policy = opened.config.token_policy();
    let keyring = Keyring::new(policy, open_signing_keys(&sealed, &opened.master_key)?);
    let columns =
        &[("key_id", 36), ("phase", 11), ("algorithm", 9), ("activates_at", 20), ("retires_at", 20)];
    let mut list = List::start(format, columns)?;
    for key in &sealed {
        list.item(&json!({
            "key_id": key.id,
            "phase": keyring.phase(key.id, opened.now).map(tollgate_core::Phase::as_str),
            "algorithm": "HS256",
            "created_at": output::time(key.created_at),
            "activates_at": output::time(key.activates_at),
            "retires_at": key.retires_at.map(output::time),
        }))?;
    }
    list.end()
}

async fn rotate(store: &StoreArgs, compromised: bool, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store).await?;
    let tokens = &opened.config.tokens;
    let activates_at = if compromised { opened.now } else { opened.now.after(LEAD) };
    let others_retire_at = if compromised {
        opened.now
    } else {
        activates_at.after(tokens.refresh_ttl).after(tokens.exp_leeway).after(MARGIN)
    };
    let key = new_signing_key(&opened.master_key, opened.now, activates_at);
    opened.store.add_signing_key(&key, others_retire_at).await?;
    output::object(
        format,
        &json!({
            "key_id": key.id,
            "activates_at": output::time(activates_at),
            "others_retire_at": output::time(others_retire_at),
        }),
    )
}
