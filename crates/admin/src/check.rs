//! Checks whether a store is damaged.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tollgate_keys::MasterKeys;
use tollgate_store::{Part, Store, StoreError, Table, is_understood};

use super::AdminError;
use super::audit::verify_by;
use crate::opening::{installed, open_signing_keys, sealing_key, secrets_key, trail_key};

/// How many parts of an export may wait to be checked.
const PARTS: usize = 4;

/// A part of a store that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The name of the part: `file and schema`, a table, `master key`, `key of secrets`, a signing key or `audit trail`.
    pub part: String,
    /// The number of its rows, if it has any.
    pub rows: Option<u64>,
    /// The problem that was found, if there is one.
    pub problem: Option<String>,
}

/// Checks the file and the schema, reads every row, and opens everything that is sealed. Changes nothing.
pub async fn check(store: &dyn Store, master_keys: &MasterKeys) -> Result<Vec<Checked>, AdminError> {
    let part = |part: &str, problem| Checked { part: part.to_owned(), rows: None, problem };
    let damage = store.damage().await;
    let mut checked = match found(damage)? {
        Ok(damage) if damage.is_empty() => vec![part("file and schema", None)],
        Ok(damage) => damage.into_iter().map(|line| part("file and schema", Some(line))).collect(),
        Err(problem) => vec![part("file and schema", Some(problem))],
    };
    match found(tables(store).await)? {
        Ok(tables) => checked.extend(tables),
        Err(problem) => checked.push(part("tables", Some(problem))),
    }
    match found(sealed(store, master_keys).await)? {
        Ok(sealed) => checked.extend(sealed),
        Err(problem) => checked.push(part("keys", Some(problem))),
    }
    if let Some(problem) = trail(store, master_keys).await? {
        checked.push(part("audit trail", problem));
    }
    Ok(checked)
}

/// Verifies the audit trail, if its key can be opened.
async fn trail(store: &dyn Store, master_keys: &MasterKeys) -> Result<Option<Option<String>>, AdminError> {
    let Ok(seal) = installed(store).await else { return Ok(None) };
    let Ok(key) = sealing_key(master_keys, &seal) else { return Ok(None) };
    match trail_key(master_keys, key, &seal) {
        Err(error) => Ok(Some(Some(error.to_string()))),
        Ok(key) => match verify_by(store, &key, None).await {
            Ok(Err(flaw)) => Ok(Some(Some(flaw.to_string()))),
            Ok(Ok(_)) => Ok(Some(None)),
            Err(AdminError::Store(error @ StoreError::Corrupt(_))) => Ok(Some(Some(error.to_string()))),
            Err(error) => Err(error),
        },
    }
}

/// Turns damage into a finding of the check. A store that can't be reached can't be checked, which is an error.
fn found<T>(outcome: Result<T, StoreError>) -> Result<Result<T, String>, AdminError> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(error @ StoreError::Corrupt(_)) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Reads every row of every table.
async fn tables(store: &dyn Store) -> Result<Vec<Checked>, StoreError> {
    let mut counted: BTreeMap<Table, (u64, u64)> =
        Table::ALL.into_iter().map(|table| (table, (0, 0))).collect();
    let (sender, mut parts) = mpsc::channel(PARTS);
    let take = async {
        while let Some(part) = parts.recv().await {
            let Part::Rows(table, rows) = part else { continue };
            let (count, odd) = counted.entry(table).or_default();
            *count += rows.len() as u64;
            *odd += rows.iter().filter(|row| !is_understood(table, row)).count() as u64;
        }
    };
    let (exported, ()) = tokio::join!(store.export(sender), take);
    exported?;
    let checked = counted.into_iter().map(|(table, (rows, odd))| Checked {
        part: table.name().to_owned(),
        rows: Some(rows),
        problem: (odd > 0).then(|| format!("{odd} rows have a value that was never written")),
    });
    Ok(checked.collect())
}

/// Opens everything that is sealed.
async fn sealed(store: &dyn Store, master_keys: &MasterKeys) -> Result<Vec<Checked>, StoreError> {
    let part = |part: String, problem| Checked { part, rows: None, problem };
    let seal = match installed(store).await {
        Ok(seal) => seal,
        Err(error) => return Ok(vec![part("master key".to_owned(), Some(error.to_string()))]),
    };
    let key = sealing_key(master_keys, &seal);
    let mut checked = vec![part("master key".to_owned(), key.as_ref().err().map(ToString::to_string))];
    if let Ok(key) = key {
        let opened = secrets_key(master_keys, key, &seal);
        checked.push(part("key of secrets".to_owned(), opened.err().map(|error| error.to_string())));
    }
    for key in store.signing_keys().await? {
        let opened = open_signing_keys(std::slice::from_ref(&key), master_keys);
        checked.push(part(format!("signing key {}", key.id), opened.err().map(|error| error.to_string())));
    }
    Ok(checked)
}
