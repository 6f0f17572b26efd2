//! What makes the store an installation.

use std::time::Duration;

use async_trait::async_trait;

use super::column::{column, id, length, millis, never_written, params, unsigned};
use super::engine::{Postgres, last};
use super::pool::Statement;
use crate::{Installation, SigningKey, StoreError};

const CHECK: &str = "SELECT check_value FROM installation";

#[async_trait]
impl Installation for Postgres {
    async fn install(&self, check: &[u8], key: &SigningKey) -> Result<Vec<u8>, StoreError> {
        let rows = self
            .write_all(&[
                Statement {
                    sql: "WITH first AS (
                              UPDATE installation SET check_value = $1 WHERE check_value IS NULL RETURNING id
                          )
                          INSERT INTO signing_keys
                              (id, alg, sealed, public_key, created_at, activates_at, retires_at)
                          SELECT $2, $3, $4, $5, $6, $7, $8 FROM first",
                    params: params![
                        check,
                        id(key.id.as_bytes()),
                        key.algorithm.as_str(),
                        key.sealed.as_slice(),
                        key.public_key.as_deref(),
                        millis(key.created_at),
                        millis(key.activates_at),
                        key.retires_at.map(millis),
                    ],
                },
                // There is one now, whichever process made it, and it never changes.
                Statement { sql: CHECK, params: params![] },
            ])
            .await?;
        column(last(rows).first().ok_or_else(never_written)?, 0)
    }

    async fn installation(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.read_one(CHECK, params![]).await?;
        column(&row.ok_or_else(never_written)?, 0)
    }

    async fn in_place(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn longest_lifetime(&self, at_least: Duration) -> Result<Duration, StoreError> {
        let sql = "SELECT longest_lifetime FROM installation";
        let row = self.read_one(sql, params![]).await?.ok_or_else(never_written)?;
        let longest = Duration::from_millis(unsigned(&row, 0)?);
        if longest >= at_least {
            return Ok(longest);
        }
        let raised = self
            .write(
                "UPDATE installation SET longest_lifetime = greatest(longest_lifetime, $1)
                 RETURNING longest_lifetime",
                params![length(at_least)],
            )
            .await?;
        Ok(Duration::from_millis(unsigned(raised.first().ok_or_else(never_written)?, 0)?))
    }
}
