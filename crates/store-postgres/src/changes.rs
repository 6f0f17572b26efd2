//! The change log, and the revocations in it.
//!
//! A transaction that adds an entry takes its number from the only row of `installation`, and holds that row until it commits. So
//! numbers are committed in their order, and a reader that has seen one has seen all before it. A standby that takes over
//! without the newest of them gives their numbers out again: a mark, drawn with each, tells such changes apart.

use async_trait::async_trait;
use tokio_postgres::Row;
use tollgate_core::{Generation, Revocation, Timestamp};
use tollgate_store::engine::{CHANGES_KEPT, ChangeColumns, PURGED_AT_ONCE};
use tollgate_store::{
    Act, Actor, CLOCKS_DIFFER, Change, ChangeLog, Changed, Operation, Position, Revocations, StoreError,
};
use uuid::Uuid;

use crate::column::{column, id, id_bytes, millis, never_written, number, params, time, unsigned};
use crate::engine::Postgres;

/// Returns until when a change made at `now` stays in the log.
pub(crate) fn kept(now: Timestamp) -> i64 {
    millis(now.after(CHANGES_KEPT))
}

/// Returns until when a revocation made at `now` is kept, not counting the longest lifetime of a token, which the statement adds.
pub(crate) fn outlasts(now: Timestamp) -> i64 {
    millis(now.after(CLOCKS_DIFFER))
}

/// An actor as columns hold it.
pub(crate) struct By<'a> {
    who: String,
    actor: &'a Actor,
}

impl<'a> By<'a> {
    pub(crate) fn of(actor: &'a Actor) -> Self {
        Self { who: actor.kind.to_string(), actor }
    }

    pub(crate) fn who(&self) -> &[u8] {
        self.who.as_bytes()
    }

    pub(crate) fn from(&self) -> Option<&[u8]> {
        self.actor.from.as_deref().map(str::as_bytes)
    }

    pub(crate) fn why(&self) -> Option<&[u8]> {
        self.actor.why.as_deref().map(str::as_bytes)
    }
}

/// Makes a statement that does something and adds entries to the change log if it did.
///
/// `$done` is a list of common table expressions, with one named `done` that has a row if something was done; `$news`
/// selects the entries, each with its place among them from 1 on, and whether the longest lifetime of a token is to be added
/// to `until`; `$by` is the three parameters of the actor; `$answer` is the statement's result.
macro_rules! recorded {
    ($done:expr, $news:expr, $by:literal, $answer:expr) => {
        concat!(
            "WITH ",
            $done,
            ", news (place, kind, id, generation, until, outlives) AS (",
            $news,
            "), counter AS (
                 UPDATE installation SET last_change = last_change + (SELECT count(*) FROM news)
                 WHERE EXISTS (SELECT FROM news)
                 RETURNING last_change - (SELECT count(*) FROM news) AS before, longest_lifetime
             ), logged AS (
                 INSERT INTO changes (seq, kind, id, generation, until, actor, source, reason)
                 SELECT before + place, kind, news.id, generation,
                     until + CASE WHEN outlives THEN longest_lifetime ELSE 0 END, ",
            $by,
            " FROM counter, news
             ) ",
            $answer
        )
    };
}
pub(crate) use recorded;

#[async_trait]
impl ChangeLog for Postgres {
    async fn last_change(&self) -> Result<Position, StoreError> {
        let row = self
            .read_for(
                Operation::ChangeLog,
                "SELECT last_change, coalesce(mark, purged_mark)
                 FROM installation LEFT JOIN changes ON seq = last_change",
                params![],
            )
            .await?
            .into_iter()
            .next()
            .ok_or_else(never_written)?;
        Ok(Position { seq: unsigned(&row, 0)?, mark: id_bytes(&row, 1)? })
    }

    async fn changes_since(&self, after: Position, limit: u32) -> Result<Option<Vec<Change>>, StoreError> {
        let rows = self
            .read_for(
                Operation::ChangeLog,
                "SELECT purged_change,
                     coalesce(
                         (SELECT mark FROM changes WHERE seq = $1),
                         CASE WHEN $1 IN (purged_change, last_change) THEN purged_mark END
                     ),
                     c.seq, c.mark, c.kind, c.id, c.generation, c.until
                 FROM installation
                     LEFT JOIN LATERAL (SELECT * FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2) c ON true
                 ORDER BY c.seq",
                params![number(after.seq), i64::from(limit)],
            )
            .await?;
        let first = rows.first().ok_or_else(never_written)?;
        // Without a mark here, the number is from the future. With another mark, another change has the number. Either way the
        // store was replaced by a copy that lacks what the caller has seen.
        let here = column::<Option<Uuid>>(first, 1)?.map(Uuid::into_bytes);
        if after.seq < unsigned(first, 0)? || here != Some(after.mark) {
            return Ok(None);
        }
        let mut changes = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(seq) = column::<Option<i64>>(row, 2)? {
                let seq = u64::try_from(seq).map_err(|_| never_written())?;
                let position = Position { seq, mark: id_bytes(row, 3)? };
                changes.push(Change { position, what: changed(row, 4)? });
            }
        }
        Ok(Some(changes))
    }
}

#[async_trait]
impl Revocations for Postgres {
    async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        let rows = self
            .read(
                "SELECT kind, id, generation, until FROM changes WHERE generation IS NOT NULL AND until > $1",
                params![millis(now)],
            )
            .await?;
        rows.iter().map(revocation).collect()
    }

    async fn revocations_after(
        &self,
        after: u64,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(u64, Revocation)>, StoreError> {
        let rows = self
            .read(
                "SELECT kind, id, generation, until, seq FROM changes
                 WHERE generation IS NOT NULL AND until > $1 AND seq > $2 ORDER BY seq LIMIT $3",
                params![millis(now), number(after), i64::from(limit)],
            )
            .await?;
        rows.iter().map(|row| Ok((unsigned(row, 4)?, revocation(row)?))).collect()
    }

    async fn revoke(&self, revocation: &Revocation, now: Timestamp, act: &Act) -> Result<(), StoreError> {
        let ChangeColumns { kind, id: subject, generation, until } =
            Changed::Revocation(*revocation).columns(now);
        let by = By::of(act.actor());
        self.write_by(
            act,
            recorded!(
                "done AS (SELECT $1 AS kind, $2 AS id, $3 AS generation, $4 AS until)",
                "SELECT 1, kind, id, generation, until, false FROM done",
                "$5, $6, $7",
                "SELECT FROM done"
            ),
            params![
                kind,
                subject.as_ref().map(id),
                generation.map(|generation| number(generation.number())),
                millis(until),
                by.who(),
                by.from(),
                by.why(),
            ],
        )
        .await
        .map(drop)
    }
}

/// Deletes entries that have expired at `now`, in batches, and remembers the greatest number among them with its mark.
pub(crate) async fn purge(store: &Postgres, now: Timestamp) -> Result<u64, StoreError> {
    store
        .write_count(
            "WITH gone AS (
                 DELETE FROM changes WHERE seq = ANY (ARRAY(
                     SELECT seq FROM changes WHERE until <= $1 ORDER BY until LIMIT $2))
                 RETURNING seq, mark
             ), noted AS (
                 UPDATE installation SET purged_change = newest.seq, purged_mark = newest.mark
                 FROM (SELECT seq, mark FROM gone ORDER BY seq DESC LIMIT 1) newest
                 WHERE newest.seq > purged_change
             )
             SELECT count(*) FROM gone",
            params![millis(now), i64::from(PURGED_AT_ONCE)],
        )
        .await
}

/// Reads a revocation from a row's first columns: `kind`, `id`, `generation` and `until`.
fn revocation(row: &Row) -> Result<Revocation, StoreError> {
    match changed(row, 0)? {
        Changed::Revocation(revocation) => Ok(revocation),
        Changed::Client(_) | Changed::Merchant(_) | Changed::SigningKeys => Err(never_written()),
    }
}

/// Reads a change from the columns `kind`, `id`, `generation` and `until`, starting at `index`.
fn changed(row: &Row, index: usize) -> Result<Changed, StoreError> {
    let generation = match column::<Option<i64>>(row, index + 2)? {
        None => None,
        Some(number) => Some(Generation::from_number(number.try_into().map_err(|_| never_written())?)),
    };
    let columns = ChangeColumns {
        kind: column(row, index)?,
        id: column::<Option<Uuid>>(row, index + 1)?.map(Uuid::into_bytes),
        generation,
        until: time(row, index + 3)?,
    };
    Changed::read(&columns).ok_or_else(never_written)
}
