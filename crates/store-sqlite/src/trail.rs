//! The audit trail, and how an act is done together with its records.

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, Error, Result, Row, params, params_from_iter};
use tollgate_core::{ClientId, MerchantId, Timestamp};
use tollgate_keys::Link;
use tollgate_store::{Act, Record, RecordFilter, RecordOrder, StoreError, Trail, TrailEnds};

use crate::changes;
use crate::column::time;
use crate::engine::Sqlite;
use crate::error::Overtaken;
use crate::writer::Durability;

#[async_trait]
impl Trail for Sqlite {
    async fn trail(&self) -> Result<TrailEnds, StoreError> {
        self.read(ends).await
    }

    async fn record(&self, act: &Act) -> Result<(), StoreError> {
        let act = act.clone();
        self.write(Durability::Power, move |connection| {
            let newest = newest_for(connection, &act)?;
            append(connection, &act, newest)
        })
        .await
    }

    async fn records(
        &self,
        wanted: &RecordFilter,
        order: RecordOrder,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let (sql, values) = select(wanted, order, after, limit);
        self.read(move |connection| {
            connection.prepare_cached(&sql)?.query_map(params_from_iter(values), record)?.collect()
        })
        .await
    }

    async fn streamed(&self) -> Result<u64, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT streamed_audit FROM installation")?
                .query_one([], |row| row.get(0))
        })
        .await
    }

    async fn note_streamed(&self, through: u64) -> Result<(), StoreError> {
        // Records that a power cut takes back are streamed again.
        self.write(Durability::Process, move |connection| {
            connection
                .prepare_cached("UPDATE installation SET streamed_audit = ?1 WHERE streamed_audit < ?1")?
                .execute([through])
                .map(drop)
        })
        .await
    }

    async fn purge_records(&self, until: Link, act: &Act) -> Result<u64, StoreError> {
        let act = act.clone();
        self.write(Durability::Power, move |connection| {
            let newest = newest_for(connection, &act)?;
            let is_there = connection
                .prepare_cached("SELECT 1 FROM audit WHERE seq = ?1 AND mac = ?2")?
                .exists(params![until.seq, until.mac])?;
            if !is_there {
                return Ok(0);
            }
            connection
                .prepare_cached("UPDATE installation SET purged_audit = ?1, purged_audit_mac = ?2")?
                .execute(params![until.seq, until.mac])?;
            let gone =
                connection.prepare_cached("DELETE FROM audit WHERE seq <= ?1")?.execute([until.seq])?;
            append(connection, &act, newest)?;
            Ok(gone as u64)
        })
        .await
    }
}

impl Sqlite {
    /// Runs `work` in a transaction that survives a power cut, and adds the records of the act if `work` has added an entry to the
    /// change log.
    pub(crate) async fn act<T, F>(&self, act: &Act, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let act = act.clone();
        self.write(Durability::Power, move |connection| {
            let (newest, before) = (newest_for(connection, &act)?, changes::last(connection)?);
            let done = work(connection)?;
            if changes::last(connection)? != before {
                append(connection, &act, newest)?;
            }
            Ok(done)
        })
        .await
    }
}

/// Returns the newest record, if the act may follow it.
fn newest_for(connection: &Connection, act: &Act) -> Result<Link> {
    let newest = ends(connection)?.newest;
    if act.may_follow(newest) { Ok(newest) } else { Err(Overtaken.into()) }
}

/// Adds the records of an act behind the newest record.
pub(crate) fn append(connection: &Connection, act: &Act, newest: Link) -> Result<()> {
    let records = act.records(newest);
    for record in &records {
        insert(connection, record)?;
    }
    let last = records.last().map_or(newest, |record| record.link);
    connection
        .prepare_cached("UPDATE installation SET audit_seq = ?1, audit_mac = ?2")?
        .execute(params![last.seq, last.mac])
        .map(drop)
}

fn insert(connection: &Connection, record: &Record) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit (seq, at, actor, source, act, outcome, object, client_id, merchant_id, state_before,
                 state_after, reason, request_id, mac)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            record.link.seq,
            record.at.millis(),
            record.actor,
            record.source,
            record.act,
            record.outcome,
            record.object,
            record.client_id.as_ref().map(ClientId::as_bytes),
            record.merchant_id.as_ref().map(MerchantId::as_bytes),
            record.before,
            record.after,
            record.reason,
            record.request_id,
            record.link.mac,
        ])
        .map(drop)
}

pub(crate) fn ends(connection: &Connection) -> Result<TrailEnds> {
    let link = |row: &Row<'_>, index| {
        let mac = row.get::<_, Option<[u8; 32]>>(index + 1)?;
        Ok::<_, Error>(Link { seq: row.get(index)?, mac: mac.unwrap_or(Link::START.mac) })
    };
    connection
        .prepare_cached("SELECT purged_audit, purged_audit_mac, audit_seq, audit_mac FROM installation")?
        .query_one([], |row| Ok(TrailEnds { purged: link(row, 0)?, newest: link(row, 2)? }))
}

/// Returns a statement that selects records. It has conditions only for the fields that are given, so that an index is used.
fn select(wanted: &RecordFilter, order: RecordOrder, after: Option<u64>, limit: u32) -> (String, Vec<Value>) {
    let RecordFilter { since, until, actor, act, object, client, merchant } = wanted;
    let number = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let time = |time: &Timestamp| number(time.millis());
    let (beyond, direction) = match order {
        RecordOrder::OldestFirst => ("seq > ?", "ASC"),
        RecordOrder::NewestFirst => ("seq < ?", "DESC"),
    };
    let given = [
        ("at >= ?", since.as_ref().map(time)),
        ("at < ?", until.as_ref().map(time)),
        ("substr(actor, 1, length(?)) = ?", actor.clone().map(Value::Text)),
        ("substr(act, 1, length(?)) = ?", act.clone().map(Value::Text)),
        ("object = ?", object.clone().map(Value::Text)),
        ("client_id = ?", client.map(|id| Value::Blob(id.as_bytes().to_vec()))),
        ("merchant_id = ?", merchant.map(|id| Value::Blob(id.as_bytes().to_vec()))),
        (beyond, after.map(number)),
    ];
    let (mut conditions, mut values) = (vec!["true".to_owned()], Vec::new());
    for (condition, value) in given {
        let Some(value) = value else { continue };
        values.push(value);
        conditions.push(condition.replace('?', &format!("?{}", values.len())));
    }
    values.push(Value::Integer(i64::from(limit)));
    let sql = format!(
        "SELECT seq, at, actor, source, act, outcome, object, client_id, merchant_id, state_before, state_after, reason,
             request_id, mac
         FROM audit WHERE {} ORDER BY seq {direction} LIMIT ?{}",
        conditions.join(" AND "),
        values.len()
    );
    (sql, values)
}

fn record(row: &Row<'_>) -> Result<Record> {
    Ok(Record {
        link: Link { seq: row.get(0)?, mac: row.get(13)? },
        at: time(row, 1)?,
        actor: row.get(2)?,
        source: row.get(3)?,
        act: row.get(4)?,
        outcome: row.get(5)?,
        object: row.get(6)?,
        client_id: row.get::<_, Option<_>>(7)?.map(ClientId::from_bytes),
        merchant_id: row.get::<_, Option<_>>(8)?.map(MerchantId::from_bytes),
        before: row.get(9)?,
        after: row.get(10)?,
        reason: row.get(11)?,
        request_id: row.get(12)?,
    })
}
