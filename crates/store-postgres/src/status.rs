//! Enabling and disabling clients and merchants.

use tollgate_core::Timestamp;
use tollgate_store::{Act, Status, StoreError};
use uuid::Uuid;

use crate::changes::{By, kept, outlasts};
use crate::column::params;
use crate::engine::Postgres;

/// Makes a statement that sets the status of a row of `$table`, which the change log calls `$kind`, by the assignments `$set`.
/// Disabling raises the generation in the row, and revokes the tokens of earlier generations.
macro_rules! set_status {
    ($table:literal, $kind:literal, $set:literal) => {
        $crate::changes::recorded!(
            concat!(
                "done AS (
                     UPDATE ",
                $table,
                " SET ",
                $set,
                "generation = generation + $2::integer
                     WHERE id = $1 RETURNING id, generation
                 )"
            ),
            concat!(
                "SELECT 1, '",
                $kind,
                "', id, NULL::bigint, $3, false FROM done
                 UNION ALL SELECT 2, '",
                $kind,
                " revoked', id, generation, $4, true FROM done WHERE $2"
            ),
            "$5, $6, $7",
            "SELECT FROM done"
        )
    };
}
pub(crate) use set_status;

impl Postgres {
    /// Runs a statement made by `set_status!`. Says whether there is such a row.
    pub(crate) async fn set_status(
        &self,
        sql: &str,
        id: Uuid,
        status: Status,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let (disabled, by) = (status == Status::Disabled, By::of(act.actor()));
        let done = self
            .write_by(
                act,
                sql,
                params![id, disabled, kept(now), outlasts(now), by.who(), by.from(), by.why()],
            )
            .await?;
        Ok(!done.is_empty())
    }
}
