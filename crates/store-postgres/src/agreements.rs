//! The agreements of the servers that share the store.

use async_trait::async_trait;
use tokio_postgres::Row;
use tollgate_store::engine::AGREEMENTS_SHOWN;
use tollgate_store::{Act, Adoption, Agreement, Agreements, StoreError};

use crate::changes::{By, kept, recorded};
use crate::column::{column, millis, number, optional_time, params, time, unsigned};
use crate::engine::Postgres;

#[async_trait]
impl Agreements for Postgres {
    async fn agreements(&self) -> Result<Vec<Agreement>, StoreError> {
        let sql = "SELECT seq, terms, adopted_at, adopted_by, superseded_at FROM agreement
                   ORDER BY seq DESC LIMIT $1";
        let agreement = |row: &Row| {
            Ok(Agreement {
                seq: unsigned(row, 0)?,
                terms: column(row, 1)?,
                adopted_at: time(row, 2)?,
                adopted_by: column(row, 3)?,
                superseded_at: optional_time(row, 4)?,
            })
        };
        self.read(sql, params![i64::from(AGREEMENTS_SHOWN)]).await?.iter().map(agreement).collect()
    }

    async fn adopt(&self, adoption: &Adoption, act: &Act) -> Result<bool, StoreError> {
        let (Adoption { predecessor, terms, by: author, at }, by) = (adoption, By::of(act.actor()));
        let adopted = self
            .write_by(
                act,
                // If two adoptions come at once, the second names a predecessor that is no longer the newest.
                recorded!(
                    "due AS (
                         SELECT last + 1 AS seq FROM (SELECT coalesce(max(seq), 0) AS last FROM agreement) newest
                         WHERE last = $1
                     ), superseded AS (
                         UPDATE agreement SET superseded_at = $4
                         WHERE superseded_at IS NULL AND EXISTS (SELECT seq FROM due)
                     ), done AS (
                         INSERT INTO agreement (seq, terms, adopted_at, adopted_by)
                         SELECT seq, $2, $4, $3 FROM due RETURNING seq
                     )",
                    "SELECT 1, 'signing keys', NULL::uuid, NULL::bigint, $5, false FROM done",
                    "$6, $7, $8",
                    "SELECT seq FROM done"
                ),
                params![
                    number(predecessor.unwrap_or(0)),
                    terms.as_str(),
                    author.as_str(),
                    millis(*at),
                    kept(*at),
                    by.who(),
                    by.from(),
                    by.why(),
                ],
            )
            .await?;
        Ok(!adopted.is_empty())
    }
}
