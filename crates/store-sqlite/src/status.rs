//! Enabling and disabling clients and merchants.

use rusqlite::{OptionalExtension, params};
use tollgate_core::{Generation, Revoked, Timestamp};
use tollgate_store::{Act, Changed, Status, StoreError};

use crate::changes;
use crate::column::generation;
use crate::engine::Sqlite;

/// A kind of row that has a status.
pub(crate) struct Subject<F> {
    /// The statement that sets the status, or leaves it as it is if only tokens are ended, and raises the generation if the row is
    /// disabled: `?1` is the id, `?2` whether it is disabled. Returns the generation.
    pub(crate) sql: &'static str,
    pub(crate) id: [u8; 16],
    /// The change that is written to the change log.
    pub(crate) change: Changed,
    /// Makes the revocation that ends the generations before the new one.
    pub(crate) end: F,
}

impl Sqlite {
    /// Runs the statement that sets the status of a row, and ends the tokens if the row is disabled. Says whether there is such a row.
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
