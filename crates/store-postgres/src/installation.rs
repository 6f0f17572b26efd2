//! The installation that the store holds.

use std::time::Duration;

use async_trait::async_trait;
use tollgate_core::{KeyId, Timestamp};
use tollgate_store::{Act, Installation, Schema, Seal, SigningKey, StoreError, Trail};
use uuid::Uuid;

use crate::changes::{By, kept, recorded};
use crate::column::{column, id, length, millis, never_written, params, unsigned};
use crate::engine::Postgres;
use crate::migrate;
use crate::pool::Statement;

/// Replaces what the installation is sealed with, if its check value is `$1` and `$4` are all its signing keys.
const RESEAL: &str = "WITH same AS (
                          SELECT 1 AS same FROM installation
                          WHERE check_value = $1
                              AND (SELECT count(*) FROM signing_keys) = cardinality($4)
                              AND NOT EXISTS (SELECT FROM signing_keys WHERE id <> ALL ($4))
                      ), resealed AS (
                          UPDATE signing_keys k SET sealed = given.sealed
                          FROM unnest($4, $5) AS given (id, sealed)
                          WHERE k.id = given.id AND EXISTS (SELECT FROM same)
                      )
                      UPDATE installation SET check_value = $2, secrets_key = $3, trail_key = $6
                      WHERE EXISTS (SELECT FROM same)";

#[async_trait]
impl Installation for Postgres {
    async fn install(&self, check: &[u8], key: &SigningKey, act: &Act) -> Result<Vec<u8>, StoreError> {
        loop {
            let newest = self.trail().await?.newest;
            if let Some(installed) = self.installation().await? {
                return Ok(installed.check);
            }
            let made = self
                .act_whatever_changes(
                    &act.clone().on(newest),
                    &[Statement {
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
                    }],
                )
                .await;
            match made {
                // Another process may have made the store an installation.
                Err(StoreError::Overtaken) => {}
                outcome => return outcome.map(|_| check.to_owned()),
            }
        }
    }

    async fn installation(&self) -> Result<Option<Seal>, StoreError> {
        let sql = "SELECT check_value, secrets_key, trail_key FROM installation";
        let row = self.read_one(sql, params![]).await?.ok_or_else(never_written)?;
        let Some(check) = column(&row, 0)? else { return Ok(None) };
        Ok(Some(Seal { check, secrets_key: column(&row, 1)?, trail_key: column(&row, 2)? }))
    }

    async fn reseal(
        &self,
        from: &[u8],
        seal: &Seal,
        keys: &[(KeyId, Vec<u8>)],
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        reseal(self, from, seal, keys, now, act).await
    }

    async fn in_place(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn schema(&self) -> Result<Schema, StoreError> {
        let row = self.read_one(migrate::SCHEMA, params![]).await?.ok_or_else(never_written)?;
        migrate::schema(&row)
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

async fn reseal(
    store: &Postgres,
    from: &[u8],
    seal: &Seal,
    keys: &[(KeyId, Vec<u8>)],
    now: Timestamp,
    act: &Act,
) -> Result<bool, StoreError> {
    let ids: Vec<Uuid> = keys.iter().map(|(key, _)| id(key.as_bytes())).collect();
    let sealed: Vec<&[u8]> = keys.iter().map(|(_, sealed)| sealed.as_slice()).collect();
    let by = By::of(act.actor());
    let done = store
        .act(
            act,
            &[
                // This has waited for a key that is being added.
                Statement {
                    sql: RESEAL,
                    params: params![
                        from,
                        seal.check.as_slice(),
                        seal.secrets_key.as_deref(),
                        ids,
                        sealed,
                        seal.trail_key.as_deref(),
                    ],
                },
                // A statement of its own, because the entry takes its number from the row that was just updated.
                Statement {
                    sql: recorded!(
                        "done AS (
                         SELECT 1 AS done FROM installation
                         WHERE check_value = $1 AND secrets_key IS NOT DISTINCT FROM $2
                     )",
                        "SELECT 1, 'signing keys', NULL::uuid, NULL::bigint, $3, false FROM done",
                        "$4, $5, $6",
                        "SELECT FROM done"
                    ),
                    params: params![
                        seal.check.as_slice(),
                        seal.secrets_key.as_deref(),
                        kept(now),
                        by.who(),
                        by.from(),
                        by.why(),
                    ],
                },
            ],
        )
        .await?;
    Ok(!done.is_empty())
}
