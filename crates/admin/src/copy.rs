//! Copying a store to another, on whatever engine, and comparing two.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tollgate_store::{Part, Row, Store, StoreError, Table, Value};

use super::AdminError;

/// How many parts of an export wait for whoever takes them.
const PARTS: usize = 4;

/// A table that was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopiedTable {
    /// The table.
    pub table: Table,
    /// The number of its rows.
    pub rows: u64,
}

/// A table of two stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedTable {
    /// The table.
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

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSummary {
    /// The number of its rows.
    pub rows: u64,
    /// The SHA-256 of its rows in their order, in base64.
    pub digest: String,
}

/// Copies all that a store holds to another, which must be empty. Neither needs the master key: what it protects is
/// copied as it is. Servers must not run meanwhile: the copy shows one moment.
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
        // Otherwise the export would go on for nobody, and the import would wait for more.
        drop((parts, passed));
    };
    let (exported, imported, ()) = tokio::join!(from.export(exported), to.import(received), pass);
    exported?;
    if !imported? {
        return Err(AdminError::TargetNotEmpty);
    }
    Ok(Table::ALL.into_iter().map(|table| CopiedTable { table, rows: summary.rows(table) }).collect())
}

/// Compares all that two stores hold, table by table.
pub async fn compare(from: &dyn Store, to: &dyn Store) -> Result<Vec<ComparedTable>, AdminError> {
    check_source(from).await?;
    let (here, there) = (summarise(from).await?, summarise(to).await?);
    let compared = |table| ComparedTable { table, from: here.of_table(table), to: there.of_table(table) };
    Ok(Table::ALL.into_iter().map(compared).collect())
}

/// Refuses a store that holds no installation: nothing can be copied from it, or compared with it. And one to which a newer program
/// has added what would be left out.
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

/// How many rows there are of each table, and their SHA-256 in their order.
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

/// Adds a row, so that no two rows add the same: each value with its kind and its length.
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
