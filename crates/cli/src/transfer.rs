//! The store as a whole: its schema, and moving it to another engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tollgate_store::{Part, Row, Store, StoreError, Table, Value};

use crate::args::{Format, StoreCommand, TransferArgs};
use crate::failure::Failure;
use crate::open;
use crate::output::{self, List};

/// How many parts of an export wait for whoever takes them.
const PARTS: usize = 4;

pub(crate) async fn store(command: StoreCommand, format: Format) -> Result<(), Failure> {
    match command {
        StoreCommand::Migrate { store } => {
            let (config, may_create) = open::configuration(&store)?;
            open::store(&config, may_create).await?;
            let store = config.database.url.masked();
            output::object(format, &json!({ "store": store, "schema": "up to date" }))
        }
        StoreCommand::Copy(args) => copy(&args, format).await,
        StoreCommand::Verify(args) => verify(&args, format).await,
    }
}

async fn copy(args: &TransferArgs, format: Format) -> Result<(), Failure> {
    let Stores { from, to } = open(args).await?;
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
        // Otherwise whoever exports would go on for nobody, and whoever imports would wait for more.
        drop((parts, passed));
    };
    let (exported, imported, ()) = tokio::join!(from.export(exported), to.import(received), pass);
    exported?;
    if !imported? {
        return Err(Failure::new(format!(
            "{} holds something already: name an empty store, nothing was changed",
            args.to.masked()
        )));
    }
    let mut list = List::start(format, &[("table", 16), ("rows", 10)])?;
    for table in Table::ALL {
        list.item(&json!({ "table": table.name(), "rows": summary.rows(table) }))?;
    }
    list.end()
}

async fn verify(args: &TransferArgs, format: Format) -> Result<(), Failure> {
    let Stores { from, to } = open(args).await?;
    let (here, there) = (summarise(from.as_ref()).await?, summarise(to.as_ref()).await?);
    let mut list = List::start(format, &[("table", 16), ("rows", 10), ("rows_there", 10), ("same", 5)])?;
    let mut different = Vec::new();
    for table in Table::ALL {
        let same = here.digest(table) == there.digest(table);
        if !same {
            different.push(table.name());
        }
        list.item(&json!({
            "table": table.name(),
            "rows": here.rows(table),
            "rows_there": there.rows(table),
            "same": same,
            "digest": here.digest(table),
            "digest_there": there.digest(table),
        }))?;
    }
    list.end()?;
    if different.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("the stores differ in {}", different.join(", "))))
}

struct Stores {
    from: Arc<dyn Store>,
    to: Arc<dyn Store>,
}

/// Opens both stores. The first must be one, and neither needs the master key: what it protects is moved as it is.
async fn open(args: &TransferArgs) -> Result<Stores, Failure> {
    let (config, _) = open::configuration(&args.store)?;
    if args.to.has_password() {
        return Err(Failure::new(
            "--to has a password in it, which others can see: give --to-password file:PATH or env:NAME",
        ));
    }
    let from = open::store(&config, false).await?;
    if from.installation().await?.is_none() {
        return Err(Failure::new(format!("{} holds no installation", config.database.url.masked())));
    }
    let mut other = config;
    other.database.url.clone_from(&args.to);
    other.database.password.clone_from(&args.to_password);
    Ok(Stores { from, to: open::store(&other, true).await? })
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

    fn digest(&self, table: Table) -> String {
        let digest = self.0.get(&table).map(|(_, digest)| digest.clone()).unwrap_or_default();
        BASE64.encode(digest.finalize())
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
