//! Export and import of everything.

use async_trait::async_trait;
use rusqlite::types::{Type, Value as Stored};
use rusqlite::{
    Connection, Error, OptionalExtension, Result, Row, Transaction, TransactionBehavior, params_from_iter,
};
use tokio::sync::mpsc;
use tollgate_store::engine::{Column, ColumnKind, ROWS_IN_A_PART};
use tollgate_store::{Part, Row as Values, StoreError, Table, Transfer, Value};

use crate::engine::Sqlite;
use crate::writer::Durability;

#[async_trait]
impl Transfer for Sqlite {
    async fn export(&self, parts: mpsc::Sender<Part>) -> Result<(), StoreError> {
        self.read(move |connection| export(connection, &parts)).await
    }

    async fn import(&self, mut parts: mpsc::Receiver<Part>) -> Result<bool, StoreError> {
        self.write(Durability::Power, move |connection| import(connection, &mut parts)).await
    }
}

/// Sends everything. Ends early if the receiver is gone.
fn export(connection: &Connection, parts: &mpsc::Sender<Part>) -> Result<()> {
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    for table in Table::ALL {
        let mut statement = snapshot.prepare(&select(table))?;
        let mut rows = statement.query([])?;
        let mut part = Vec::new();
        while let Some(row) = rows.next()? {
            part.push(values(table, row)?);
            if part.len() == ROWS_IN_A_PART
                && parts.blocking_send(Part::Rows(table, std::mem::take(&mut part))).is_err()
            {
                return Ok(());
            }
        }
        if !part.is_empty() && parts.blocking_send(Part::Rows(table, part)).is_err() {
            return Ok(());
        }
    }
    // If the receiver is gone, nobody needs the end.
    let _ = parts.blocking_send(Part::End);
    Ok(())
}

/// Adds everything. Returns `false` if the store is not empty.
fn import(connection: &Connection, parts: &mut mpsc::Receiver<Part>) -> Result<bool> {
    if !is_empty(connection)? {
        return Ok(false);
    }
    while let Some(part) = parts.blocking_recv() {
        match part {
            Part::Rows(Table::Installation, rows) => {
                rows.iter().try_for_each(|row| install(connection, row))?;
            }
            Part::Rows(table, rows) => insert(connection, table, &rows)?,
            Part::End => return Ok(true),
        }
    }
    // The export reports why it ended early. An error here rolls back what was added.
    Err(Error::InvalidQuery)
}

fn select(table: Table) -> String {
    if table == Table::Installation {
        // SQLite itself keeps the number of the last change.
        return "SELECT check_value, purged_change,
                    (SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'changes'),
                    longest_lifetime, secrets_key, trail_key, audit_seq, audit_mac, purged_audit, purged_audit_mac,
                    streamed_audit
                FROM installation"
            .to_owned();
    }
    let key: Vec<_> = table.key().iter().map(|column| column.0).collect();
    format!("SELECT {} FROM {} ORDER BY {}", table.column_names(), table.name(), key.join(", "))
}

fn is_empty(connection: &Connection) -> Result<bool> {
    for table in Table::ALL {
        let sql = match table {
            Table::Installation => "SELECT 1 FROM installation WHERE check_value IS NOT NULL".to_owned(),
            _ => format!("SELECT 1 FROM {} LIMIT 1", table.name()),
        };
        if connection.query_one(&sql, [], |_| Ok(())).optional()?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn insert(connection: &Connection, table: Table, rows: &[Values]) -> Result<()> {
    let places: Vec<_> = (1..=table.columns().len()).map(|place| format!("?{place}")).collect();
    let sql =
        format!("INSERT INTO {} ({}) VALUES ({})", table.name(), table.column_names(), places.join(", "));
    let mut statement = connection.prepare_cached(&sql)?;
    rows.iter().try_for_each(|row| statement.execute(params_from_iter(row.iter().map(stored))).map(drop))
}

/// Sets the only row of `installation`, and the number of the last change, which may be greater than any that is left.
fn install(connection: &Connection, row: &Values) -> Result<()> {
    let [check, purged, last, rest @ ..] = row.as_slice() else { return Err(Error::InvalidQuery) };
    connection
        .prepare_cached(
            "UPDATE installation
             SET check_value = ?1, purged_change = ?2, longest_lifetime = ?3, secrets_key = ?4, trail_key = ?5,
                 audit_seq = ?6, audit_mac = ?7, purged_audit = ?8, purged_audit_mac = ?9,
                 streamed_audit = ?10",
        )?
        .execute(params_from_iter([check, purged].into_iter().chain(rest).map(stored)))?;
    connection.prepare_cached("DELETE FROM sqlite_sequence WHERE name = 'changes'")?.execute([])?;
    connection
        .prepare_cached("INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', ?1)")?
        .execute([stored(last)])
        .map(drop)
}

fn values(table: Table, row: &Row<'_>) -> Result<Values> {
    table.columns().iter().enumerate().map(|(index, column)| value(*column, row, index)).collect()
}

fn value(Column(name, kind): Column, row: &Row<'_>, index: usize) -> Result<Value> {
    if row.get_ref(index)?.data_type() == Type::Null {
        return Ok(Value::Null);
    }
    Ok(match kind {
        ColumnKind::Id => Value::Id(row.get(index)?),
        ColumnKind::Bytes => Value::Bytes(row.get(index)?),
        ColumnKind::Text | ColumnKind::Written => Value::Text(row.get(index)?),
        ColumnKind::Number => Value::Number(row.get(index)?),
        ColumnKind::Flag => match row.get(index)? {
            0 => Value::Flag(false),
            1 => Value::Flag(true),
            _ => return Err(Error::InvalidColumnType(index, name.to_owned(), Type::Integer)),
        },
    })
}

fn stored(value: &Value) -> Stored {
    match value {
        Value::Null => Stored::Null,
        Value::Id(id) => Stored::Blob(id.to_vec()),
        Value::Bytes(bytes) => Stored::Blob(bytes.clone()),
        Value::Text(text) => Stored::Text(text.clone()),
        // No store holds greater numbers.
        Value::Number(number) => Stored::Integer(i64::try_from(*number).unwrap_or(i64::MAX)),
        Value::Flag(flag) => Stored::Integer(i64::from(*flag)),
    }
}
