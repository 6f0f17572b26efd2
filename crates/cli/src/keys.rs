//! Signing keys: what there are, and the next one.

use std::time::Duration;

use serde_json::json;
use tollgate_core::{Phase, SigningRing, Timestamp};
use tollgate_server::{
    KEYS_KNOWN_WITHIN, new_signing_key, next_activation, open_signing_keys, others_retire_at,
};
use tollgate_store::{RETIRED_KEPT, SigningKey};

use crate::args::{Format, KeyCommand, StoreArgs};
use crate::failure::Failure;
use crate::open::{self, Opened};
use crate::output::{self, List};

pub(crate) async fn key(command: KeyCommand, format: Format) -> Result<(), Failure> {
    match command {
        KeyCommand::List { store } => list(&store, format).await,
        KeyCommand::Rotate { compromised, store } => rotate(&store, compromised, format).await,
    }
}

async fn list(store: &StoreArgs, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store).await?;
    let sealed = opened.store.signing_keys().await?;
    let issuer = opened.config.token_policy().issuer;
    let ring = SigningRing::new(&issuer, open_signing_keys(&sealed, &opened.master_key)?);
    let columns = &[
        ("key_id", 36),
        ("phase", 11),
        ("algorithm", 9),
        ("activates_at", 20),
        ("retires_at", 20),
        ("advances_at", 20),
    ];
    let mut list = List::start(format, columns)?;
    for key in &sealed {
        let phase = ring.phase(key.id, opened.now);
        list.item(&json!({
            "key_id": key.id,
            "phase": phase.map(Phase::as_str),
            "algorithm": key.algorithm.as_str(),
            "created_at": output::time(key.created_at),
            "activates_at": output::time(key.activates_at),
            "retires_at": key.retires_at.map(output::time),
            "advances_at": phase.and_then(|phase| advances_at(&opened, &sealed, key, phase)).map(output::time),
        }))?;
    }
    list.end()
}

/// When a key leaves its phase; `None` if nobody knows yet. A retired one is deleted then.
fn advances_at(opened: &Opened, keys: &[SigningKey], key: &SigningKey, phase: Phase) -> Option<Timestamp> {
    match phase {
        Phase::Next => Some(key.activates_at),
        Phase::Active => {
            // One that retires before it ever signs is next to nothing.
            let will_sign = |key: &&SigningKey| {
                key.activates_at > opened.now && key.retires_at.is_none_or(|at| at > key.activates_at)
            };
            let next = keys.iter().filter(will_sign).map(|key| key.activates_at).min();
            next.or_else(|| next_activation(&opened.config, keys, opened.now))
        }
        Phase::VerifyOnly => key.retires_at,
        Phase::Retired => key.retires_at.map(|at| at.after(RETIRED_KEPT)),
    }
}

async fn rotate(store: &StoreArgs, compromised: bool, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store).await?;
    let (activates_at, others_retire_at) = if compromised {
        (opened.now, opened.now)
    } else {
        let activates_at = opened.now.after(KEYS_KNOWN_WITHIN);
        let longest = opened.store.longest_lifetime(Duration::ZERO).await?;
        (activates_at, others_retire_at(&opened.config, activates_at, longest))
    };
    let key = new_signing_key(&opened.master_key, opened.now, activates_at);
    if compromised {
        opened.store.replace_signing_keys(&key).await?;
    } else {
        opened.store.add_signing_key(&key, others_retire_at).await?;
    }
    output::object(
        format,
        &json!({
            "key_id": key.id,
            "activates_at": output::time(activates_at),
            "others_retire_at": output::time(others_retire_at),
        }),
    )
}
