//! Export and import of everything, each in one transaction on a connection of its own.

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};
use tollgate_store::engine::{Column, ColumnKind, ROWS_IN_A_PART};
use tollgate_store::{Part, Row as Values, StoreError, Table, Transfer, Value};
use uuid::Uuid;

use crate::column::{Param, column, never_written, number, optional_text};
use crate::engine::Postgres;
use crate::migrate::{execute, run};

#[async_trait]
impl Transfer for Postgres {
    async fn export(&self, parts: mpsc::Sender<Part>) -> Result<(), StoreError> {
        export(self, &parts).await
    }

    async fn import(&self, mut parts: mpsc::Receiver<Part>) -> Result<bool, StoreError> {
        import(self, &mut parts).await
    }
}

/// Sends everything. Ends early if the receiver is gone.
async fn export(store: &Postgres, parts: &mpsc::Sender<Part>) -> Result<(), StoreError> {
    let client = store.pool.connect().await?;
    execute(&client, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    for table in Table::ALL {
        execute(&client, &format!("DECLARE part NO SCROLL CURSOR FOR {}", select(table))).await?;
        loop {
            let rows = run(&client, &format!("FETCH {ROWS_IN_A_PART} FROM part"), &[]).await?;
            if rows.is_empty() {
                break;
            }
            let rows = rows.iter().map(|row| values(table, row)).collect::<Result<_, _>>()?;
            if parts.send(Part::Rows(table, rows)).await.is_err() {
                return Ok(());
            }
        }
        execute(&client, "CLOSE part").await?;
    }
    execute(&client, "COMMIT").await?;
    // If the receiver is gone, nobody needs the end.
    let _ = parts.send(Part::End).await;
    Ok(())
}

/// Adds everything. Returns `false` if the store is not empty.
async fn import(store: &Postgres, parts: &mut mpsc::Receiver<Part>) -> Result<bool, StoreError> {
    let client = store.pool.connect().await?;
    execute(&client, "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    // If two imports run at once, the second finds what the first has added.
    run(&client, "SELECT FROM installation FOR UPDATE", &[]).await?;
    if !is_empty(&client).await? {
        return Ok(false);
    }
    while let Some(part) = parts.recv().await {
        match part {
            Part::Rows(table, rows) => insert(&client, table, &rows).await?,
            Part::End => return execute(&client, "COMMIT").await.map(|()| true),
        }
    }
    // Dropping the connection ends the transaction.
    Err(StoreError::Unavailable("the export ended early".to_owned()))
}

async fn is_empty(client: &Client) -> Result<bool, StoreError> {
    for table in Table::ALL {
        let condition = if table == Table::Installation { "check_value IS NOT NULL" } else { "true" };
        let sql = format!("SELECT FROM {} WHERE {condition} LIMIT 1", table.name());
        if !run(client, &sql, &[]).await?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn select(table: Table) -> String {
    let selected: Vec<_> = table
        .columns()
        .iter()
        .map(|Column(name, kind)| match kind {
            ColumnKind::Number => format!("{name}::bigint"),
            _ => (*name).to_owned(),
        })
        .collect();
    // Text is in the order of its bytes, as on every engine, whatever the language of the database.
    let ordered = table.key().iter().map(|Column(name, kind)| match kind {
        ColumnKind::Text => format!(r#"{name} COLLATE "C""#),
        _ => (*name).to_owned(),
    });
    let mut key: Vec<_> = ordered.collect();
    if key.is_empty() {
        key.push("id".to_owned());
    }
    format!("SELECT {} FROM {} ORDER BY {}", selected.join(", "), table.name(), key.join(", "))
}

async fn insert(client: &Client, table: Table, rows: &[Values]) -> Result<(), StoreError> {
    let columns = table.columns();
    let names = table.column_names();
    let places = (1..=columns.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
    let (table_name, given) = (table.name(), format!("unnest({places}) AS given ({names})"));
    let sql = match table {
        Table::Installation => format!(
            "UPDATE installation SET check_value = given.check_value, purged_change = given.purged_change,
                 last_change = given.last_change, longest_lifetime = given.longest_lifetime,
                 secrets_key = given.secrets_key, trail_key = given.trail_key, audit_seq = given.audit_seq,
                 audit_mac = given.audit_mac, purged_audit = given.purged_audit,
                 purged_audit_mac = given.purged_audit_mac, streamed_audit = given.streamed_audit FROM {given}"
        ),
        _ => format!("INSERT INTO {table_name} ({names}) SELECT {names} FROM {given}"),
    };
    let arrays = columns.iter().enumerate().map(|(index, column)| array(column.1, rows, index));
    let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
    let params: Vec<Param<'_>> = arrays.iter().map(|(array, kind)| (&**array as _, kind.clone())).collect();
    run(client, &sql, &params).await.map(drop)
}

type Array = (Box<dyn ToSql + Sync + Send>, Type);

/// Returns one column of all rows.
fn array(kind: ColumnKind, rows: &[Values], index: usize) -> Result<Array, StoreError> {
    fn each<'a, T: ToSql + Sync + Send + 'static>(
        rows: &'a [Values],
        index: usize,
        kind: Type,
        take: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Array, StoreError> {
        let values = rows.iter().map(|row| match row.get(index) {
            Some(Value::Null) => Ok(None),
            Some(value) => take(value).map(Some).ok_or_else(never_written),
            None => Err(never_written()),
        });
        Ok((Box::new(values.collect::<Result<Vec<Option<T>>, _>>()?), kind))
    }
    match kind {
        ColumnKind::Id => each(rows, index, Type::UUID_ARRAY, |value| match value {
            Value::Id(id) => Some(Uuid::from_bytes(*id)),
            _ => None,
        }),
        ColumnKind::Bytes | ColumnKind::Written => {
            each(rows, index, Type::BYTEA_ARRAY, |value| match value {
                Value::Bytes(bytes) => Some(bytes.clone()),
                Value::Text(text) => Some(text.clone().into_bytes()),
                _ => None,
            })
        }
        ColumnKind::Text => each(rows, index, Type::TEXT_ARRAY, |value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }),
        ColumnKind::Number => each(rows, index, Type::INT8_ARRAY, |value| match value {
            Value::Number(value) => Some(number(*value)),
            _ => None,
        }),
        ColumnKind::Flag => each(rows, index, Type::BOOL_ARRAY, |value| match value {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }),
    }
}

fn values(table: Table, row: &Row) -> Result<Values, StoreError> {
    table.columns().iter().enumerate().map(|(index, column)| value(column.1, row, index)).collect()
}

fn value(kind: ColumnKind, row: &Row, index: usize) -> Result<Value, StoreError> {
    let value = match kind {
        ColumnKind::Id => column::<Option<Uuid>>(row, index)?.map(|id| Value::Id(id.into_bytes())),
        ColumnKind::Bytes => column::<Option<Vec<u8>>>(row, index)?.map(Value::Bytes),
        ColumnKind::Text => column::<Option<String>>(row, index)?.map(Value::Text),
        ColumnKind::Written => optional_text(row, index)?.map(Value::Text),
        ColumnKind::Number => match column::<Option<i64>>(row, index)? {
            Some(value) => Some(Value::Number(value.try_into().map_err(|_| never_written())?)),
            None => None,
        },
        ColumnKind::Flag => column::<Option<bool>>(row, index)?.map(Value::Flag),
    };
    Ok(value.unwrap_or(Value::Null))
}
