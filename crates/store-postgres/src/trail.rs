//! The audit trail, and how an act is done together with its records.
//!
//! A link is computed with the key of the trail, which the database never has. So the newest link is read first, and the
//! transaction fails if another link was added meanwhile: a transaction that adds a record holds the row of `installation` until it
//! commits.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::Row;
use tollgate_core::{ClientId, MerchantId};
use tollgate_keys::Link;
use tollgate_store::{
    Act, Measured, Operation, Record, RecordFilter, RecordOrder, StoreError, Trail, TrailEnds,
};
use uuid::Uuid;

use crate::column::{
    Param, array, column, id, millis, never_written, number, optional_text, params, text, time, unsigned,
};
use crate::engine::{Postgres, last};
use crate::pool::{Statement, Transaction};

const ENDS: &str =
    "SELECT purged_audit, purged_audit_mac, audit_seq, audit_mac, last_change FROM installation";

/// Locks the row that every act locks, or fails by a division by zero if another record was added meanwhile.
const HOLD: &str = "SELECT 1 / count(*) FROM (
                        SELECT audit_seq, audit_mac, last_change FROM installation FOR UPDATE
                    ) held
                    WHERE audit_seq = $1 AND coalesce(audit_mac, decode(repeat('00', 32), 'hex')) = $2 AND last_change = $3";

/// Adds records, if there is a change behind `$3`.
const APPEND: &str = "WITH moved AS (
                          UPDATE installation SET audit_seq = $1, audit_mac = $2 WHERE last_change > $3 RETURNING id
                      )
                      INSERT INTO audit (seq, at, actor, source, act, outcome, object, client_id, merchant_id, state_before,
                          state_after, reason, request_id, mac)
                      SELECT given.* FROM moved,
                          unnest($4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) AS given";

/// The longest pause before an act is tried again after another act came first.
const PAUSE: Duration = Duration::from_millis(20);

/// Selects records by a filter. The statement is planned with its parameters, so those that are NULL cost nothing.
macro_rules! select {
    ($beyond:literal, $direction:literal) => {
        concat!(
            "SELECT seq, at, actor, source, act, outcome, object, client_id, merchant_id, state_before, state_after, reason,
                 request_id, mac
             FROM audit
             WHERE ($1 IS NULL OR at >= $1) AND ($2 IS NULL OR at < $2)
                 AND ($3 IS NULL OR substring(actor FROM 1 FOR length($3)) = $3)
                 AND ($4 IS NULL OR starts_with(act, $4)) AND ($5 IS NULL OR object = $5)
                 AND ($6 IS NULL OR client_id = $6) AND ($7 IS NULL OR merchant_id = $7) AND ($8 IS NULL OR ",
            $beyond,
            ") ORDER BY seq ",
            $direction,
            " LIMIT $9"
        )
    };
}

#[async_trait]
impl Trail for Postgres {
    async fn trail(&self) -> Result<TrailEnds, StoreError> {
        let row = self.read_one(ENDS, params![]).await?.ok_or_else(never_written)?;
        ends(&row)
    }

    async fn record(&self, act: &Act) -> Result<(), StoreError> {
        self.act_whatever_changes(act, &[]).await.map(drop)
    }

    async fn records(
        &self,
        wanted: &RecordFilter,
        order: RecordOrder,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let sql = match order {
            RecordOrder::OldestFirst => select!("seq > $8", "ASC"),
            RecordOrder::NewestFirst => select!("seq < $8", "DESC"),
        };
        let RecordFilter { since, until, actor, act, object, client, merchant } = wanted;
        let rows = self
            .read(
                sql,
                params![
                    since.map(millis),
                    until.map(millis),
                    actor.as_deref().map(str::as_bytes),
                    act.as_deref(),
                    object.as_deref().map(str::as_bytes),
                    client.map(|client| id(client.as_bytes())),
                    merchant.map(|merchant| id(merchant.as_bytes())),
                    after.map(number),
                    i64::from(limit),
                ],
            )
            .await?;
        rows.iter().map(record).collect()
    }

    async fn streamed(&self) -> Result<u64, StoreError> {
        let row = self.read_one("SELECT streamed_audit FROM installation", params![]).await?;
        unsigned(&row.ok_or_else(never_written)?, 0)
    }

    async fn note_streamed(&self, through: u64) -> Result<(), StoreError> {
        let sql = "UPDATE installation SET streamed_audit = $1 WHERE streamed_audit < $1";
        self.write(sql, params![number(through)]).await.map(drop)
    }

    async fn purge_records(&self, until: Link, act: &Act) -> Result<u64, StoreError> {
        let (seq, mac) = (number(until.seq), until.mac);
        let (mac, is_there) = (mac.as_slice(), "SELECT seq FROM audit WHERE seq = $1 AND mac = $2");
        if self.read_one(is_there, params![seq, mac]).await?.is_none() {
            return Ok(0);
        }
        let moved = "UPDATE installation SET purged_audit = $1, purged_audit_mac = $2";
        let gone = "WITH gone AS (DELETE FROM audit WHERE seq <= $1 RETURNING seq) SELECT count(*) FROM gone";
        let counted = self
            .act_whatever_changes(
                act,
                &[
                    Statement { sql: moved, params: params![seq, mac] },
                    Statement { sql: gone, params: params![seq] },
                ],
            )
            .await?;
        counted.first().map_or(Ok(0), |row| unsigned(row, 0))
    }
}

impl Postgres {
    /// Runs statements that write, together with the records of the act, which are added if there is a new entry in the change
    /// log: the last statement is made by `recorded!`. Returns its rows.
    pub(crate) async fn act(&self, act: &Act, statements: &[Statement<'_>]) -> Result<Vec<Row>, StoreError> {
        self.act_in_turn(act, statements, true).await
    }

    /// Runs one statement that writes, as [`Self::act`] does.
    pub(crate) async fn write_by(
        &self,
        act: &Act,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        self.act(act, &[Statement { sql, params }]).await
    }

    /// Runs one statement that writes, as [`Self::act`] does, once it holds the rows that `lock` locks. It sees all that was committed
    /// until then.
    pub(crate) async fn write_locked_by(
        &self,
        act: &Act,
        lock: (&str, &[Param<'_>]),
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let lock = Statement { sql: lock.0, params: lock.1 };
        self.act(act, &[lock, Statement { sql, params }]).await
    }

    /// Runs statements as [`Self::act`] does, and adds the records in any case.
    pub(crate) async fn act_whatever_changes(
        &self,
        act: &Act,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        self.act_in_turn(act, statements, false).await
    }

    /// Runs statements as [`Self::act`] does. Acts of this process wait for each other; acts of other processes are noticed when this one
    /// writes.
    async fn act_in_turn(
        &self,
        act: &Act,
        statements: &[Statement<'_>],
        if_changed: bool,
    ) -> Result<Vec<Row>, StoreError> {
        let running = self.measures().start(Operation::Write);
        running.end(self.act_by(self.pool.deadline(), act, statements, if_changed).await)
    }

    async fn act_by(
        &self,
        deadline: Instant,
        act: &Act,
        statements: &[Statement<'_>],
        if_changed: bool,
    ) -> Result<Vec<Row>, StoreError> {
        let Ok(_turn) = timeout_at(deadline, self.turn.lock()).await else {
            return Err(StoreError::Unavailable("too many acts are waiting for it".to_owned()));
        };
        loop {
            match self.act_once(act, statements, if_changed, deadline).await {
                Err(StoreError::Overtaken) if act.is_free() && Instant::now() < deadline => {
                    sleep(rand::random_range(Duration::ZERO..PAUSE)).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn act_once(
        &self,
        act: &Act,
        statements: &[Statement<'_>],
        if_changed: bool,
        deadline: Instant,
    ) -> Result<Vec<Row>, StoreError> {
        let ends_now = &[Statement { sql: ENDS, params: params![] }];
        let read = Transaction { statements: ends_now, repeatable: true };
        let rows = last(self.pool.run_until(deadline, read).await?);
        let row = rows.first().ok_or_else(never_written)?;
        let (newest, last_change) = (ends(row)?.newest, column::<i64>(row, 4)?);
        if !act.may_follow(newest) {
            return Err(StoreError::Overtaken);
        }
        let records = act.records(newest);
        let columns = Columns::of(&records);
        let end = records.last().map_or(newest, |record| record.link);
        let (held, ended) = ((number(newest.seq), newest.mac), (number(end.seq), end.mac));
        let (held_mac, ended_mac) = (held.1.as_slice(), ended.1.as_slice());
        let only_behind = if if_changed { last_change } else { -1 };
        let hold = params![held.0, held_mac, last_change];
        let mut all = vec![Statement { sql: HOLD, params: hold }];
        all.extend_from_slice(statements);
        let params = params![
            ended.0,
            ended_mac,
            only_behind,
            columns.seq,
            columns.at,
            columns.actor,
            columns.source,
            columns.act,
            columns.outcome,
            columns.object,
            columns.client_id,
            columns.merchant_id,
            columns.before,
            columns.after,
            columns.reason,
            columns.request_id,
            columns.mac,
        ];
        all.push(Statement { sql: APPEND, params });
        let mut rows =
            self.pool.run_until(deadline, Transaction { statements: &all, repeatable: false }).await?;
        rows.pop();
        Ok(last(rows))
    }
}

/// The records of an act, column by column.
#[derive(Default)]
struct Columns<'a> {
    seq: Vec<i64>,
    at: Vec<i64>,
    actor: Vec<&'a [u8]>,
    source: Vec<Option<&'a [u8]>>,
    act: Vec<&'a str>,
    outcome: Vec<&'a str>,
    object: Vec<&'a [u8]>,
    client_id: Vec<Option<Uuid>>,
    merchant_id: Vec<Option<Uuid>>,
    before: Vec<Option<&'a [u8]>>,
    after: Vec<Option<&'a [u8]>>,
    reason: Vec<Option<&'a [u8]>>,
    request_id: Vec<Option<&'a [u8]>>,
    mac: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn of(records: &'a [Record]) -> Self {
        fn bytes(text: Option<&String>) -> Option<&[u8]> {
            text.map(String::as_bytes)
        }
        let mut columns = Self::default();
        for record in records {
            columns.seq.push(number(record.link.seq));
            columns.at.push(millis(record.at));
            columns.actor.push(record.actor.as_bytes());
            columns.source.push(bytes(record.source.as_ref()));
            columns.act.push(&record.act);
            columns.outcome.push(&record.outcome);
            columns.object.push(record.object.as_bytes());
            columns.client_id.push(record.client_id.map(|client| id(client.as_bytes())));
            columns.merchant_id.push(record.merchant_id.map(|merchant| id(merchant.as_bytes())));
            columns.before.push(bytes(record.before.as_ref()));
            columns.after.push(bytes(record.after.as_ref()));
            columns.reason.push(bytes(record.reason.as_ref()));
            columns.request_id.push(bytes(record.request_id.as_ref()));
            columns.mac.push(&record.link.mac);
        }
        columns
    }
}

fn ends(row: &Row) -> Result<TrailEnds, StoreError> {
    let link = |index| {
        let mac = column::<Option<&[u8]>>(row, index + 1)?.map(<[u8; 32]>::try_from).transpose();
        let mac = mac.map_err(|_| never_written())?.unwrap_or(Link::START.mac);
        Ok::<_, StoreError>(Link { seq: unsigned(row, index)?, mac })
    };
    Ok(TrailEnds { purged: link(0)?, newest: link(2)? })
}

fn record(row: &Row) -> Result<Record, StoreError> {
    let uuid = |index| Ok::<_, StoreError>(column::<Option<Uuid>>(row, index)?.map(Uuid::into_bytes));
    Ok(Record {
        link: Link { seq: unsigned(row, 0)?, mac: array(row, 13)? },
        at: time(row, 1)?,
        actor: text(row, 2)?,
        source: optional_text(row, 3)?,
        act: column(row, 4)?,
        outcome: column(row, 5)?,
        object: text(row, 6)?,
        client_id: uuid(7)?.map(ClientId::from_bytes),
        merchant_id: uuid(8)?.map(MerchantId::from_bytes),
        before: optional_text(row, 9)?,
        after: optional_text(row, 10)?,
        reason: optional_text(row, 11)?,
        request_id: optional_text(row, 12)?,
    })
}
