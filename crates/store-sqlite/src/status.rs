//! Enabling and disabling clients and merchants.

use rusqlite::{OptionalExtension, params};
use tollgate_core::{Generation, Revoked, Timestamp};
use tollgate_store::{Act, Changed, Status, StoreError};

use crate::changes;
use crate::column::generation;
use crate::engine::Sqlite;

/// A row with a status.
pub(crate) struct Subject<F> {
    /// Sets the status, or leaves it as it is where only tokens are ended, and raises the generation where it is disabled: `?1` is
    /// the id, `?2` whether it is disabled. Returns the generation.
    pub(crate) sql: &'static str,
    pub(crate) id: [u8; 16],
    /// What the change log calls it.
    pub(crate) change: Changed,
    /// What ends with the generations before the new one.
    pub(crate) end: F,
}

impl Sqlite {
    /// Runs the statement of a row for a status, and ends the tokens of one that is disabled. Says whether there is such a row.
    pub(crate) async fn set_status(
        &self,
        Subject { sql, id, change, end }: Subject<impl FnOnce(Generation) -> Revoked + Send + 'static>,
        status: Status,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let (disabled, actor) = (status == Status::Disabled, act.actor().clone());
        self.act(act, move |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let raised = statement.query_one(params![id, disabled], |row| generation(row, 0)).optional()?;
            let Some(raised) = raised else { return Ok(false) };
            changes::record(connection, change, now, &actor)?;
            if disabled {
                changes::revoke(connection, end(raised), now, &actor)?;
            }
            Ok(true)
        })
        .await
    }
}
