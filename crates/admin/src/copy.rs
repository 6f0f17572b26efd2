//! Copying a store to another one, on any engine, and comparing two stores.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tollgate_store::{Part, Row, Store, StoreError, Table, Value};

use super::AdminError;

/// How many parts of an export may wait for the import.
const PARTS: usize = 4;

/// A table that was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopiedTable {
    /// Which table it is.
    pub table: Table,
    /// The number of its rows.
    pub rows: u64,
}

/// A table of two stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedTable {
    /// Which table it is.
    pub table: Table,
    /// The rows of the first store.
    pub from: TableSummary,
    /// The rows of the second store.
    pub to: TableSummary,
}

impl ComparedTable {
    /// Says whether both stores hold the same rows.
    pub fn is_same(&self) -> bool {
        self.from == self.to
    }
}

/// A summary of a table's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSummary {
    /// The number of its rows.
    pub rows: u64,
    /// The SHA-256 of its rows in their order, in base64.
    pub digest: String,
}

/// Copies everything in a store to another one, which must be empty. Neither needs the master key: what it protects is
/// copied as it is. Servers must not run meanwhile: the copy has the state of one point in time.
pub async fn copy(from: &dyn Store, to: &dyn Store) -> Result<Vec<CopiedTable>, AdminError> {
    check_source(from).await?;
    let mut summary = Summary::default();
    let (exported, mut parts) = mpsc::channel(PARTS);
    let (passed, received) = mpsc::channel(PARTS);
    let pass = async {
        while let Some(part) = parts.recv().await {
            summary.add(&part);
            if passed.send(part).await.is_err() {
                break;
            }
        }
        // Otherwise the export would go on without a receiver, and the import would wait for more.
        drop((parts, passed));
    };
    let (exported, imported, ()) = tokio::join!(from.export(exported), to.import(received), pass);
    exported?;
    if !imported? {
        return Err(AdminError::TargetNotEmpty);
    }
    Ok(Table::ALL.into_iter().map(|table| CopiedTable { table, rows: summary.rows(table) }).collect())
}

/// Compares everything in two stores, table by table.
pub async fn compare(from: &dyn Store, to: &dyn Store) -> Result<Vec<ComparedTable>, AdminError> {
    check_source(from).await?;
    let (here, there) = (summarise(from).await?, summarise(to).await?);
    let compared = |table| ComparedTable { table, from: here.of_table(table), to: there.of_table(table) };
    Ok(Table::ALL.into_iter().map(compared).collect())
}

/// Refuses a store without an installation, which can't be copied or compared. Also refuses one to which a newer program
/// has added data that would be left out.
pub async fn check_source(store: &dyn Store) -> Result<(), AdminError> {
    store.schema().await?.check_whole()?;
    store.installation().await?.map(drop).ok_or(AdminError::NoInstallation)
}

async fn summarise(store: &dyn Store) -> Result<Summary, StoreError> {
    let mut summary = Summary::default();
    let (sender, mut parts) = mpsc::channel(PARTS);
    let take = async {
        while let Some(part) = parts.recv().await {
            summary.add(&part);
        }
    };
    let (exported, ()) = tokio::join!(store.export(sender), take);
    exported.map(|()| summary)
}

/// The number of rows of each table, and the SHA-256 of the rows in their order.
#[derive(Default)]
struct Summary(BTreeMap<Table, (u64, Sha256)>);

impl Summary {
    fn add(&mut self, part: &Part) {
        let Part::Rows(table, rows) = part else { return };
        let (count, digest) = self.0.entry(*table).or_default();
        for row in rows {
            *count += 1;
            digest_row(digest, row);
        }
    }

    fn rows(&self, table: Table) -> u64 {
        self.0.get(&table).map_or(0, |(count, _)| *count)
    }

    fn of_table(&self, table: Table) -> TableSummary {
        let digest = self.0.get(&table).map(|(_, digest)| digest.clone()).unwrap_or_default();
        TableSummary { rows: self.rows(table), digest: BASE64.encode(digest.finalize()) }
    }
}

/// Adds a row to the digest, each value with its kind and its length, so that different rows are never digested alike.
fn digest_row(digest: &mut Sha256, row: &Row) {
    let mut add = |kind: u8, bytes: &[u8]| {
        digest.update([kind]);
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    for value in row {
        match value {
            Value::Null => add(0, &[]),
            Value::Id(id) => add(1, id),
            Value::Bytes(bytes) => add(2, bytes),
            Value::Text(text) => add(3, text.as_bytes()),
            Value::Number(number) => add(4, &number.to_be_bytes()),
            Value::Flag(flag) => add(5, &[u8::from(*flag)]),
        }
    }
}
