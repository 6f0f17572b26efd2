//! The signing keys in the store.

use async_trait::async_trait;
use tokio_postgres::Row;
use tollgate_core::{KeyId, Timestamp};
use tollgate_store::{Act, Keys, SigningKey, StoreError};

use crate::changes::{By, kept, recorded};
use crate::column::{column, id, id_bytes, millis, optional_time, params, parsed, time};
use crate::engine::Postgres;

/// What happens to the other keys of an algorithm when a key is added.
#[derive(Clone, Copy)]
enum Others {
    /// They retire at this time, unless they retire sooner.
    Retire(Timestamp),
    /// They retire at this time, but only if this key has no successor yet; otherwise nothing is added.
    Succeeded(KeyId, Timestamp),
    /// They are refused at once.
    Compromised,
}

#[async_trait]
impl Keys for Postgres {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        let rows = self
            .read(
                "SELECT id, alg, sealed, public_key, created_at, activates_at, retires_at, compromised
                 FROM signing_keys ORDER BY created_at, id",
                params![],
            )
            .await?;
        rows.iter().map(signing_key).collect()
    }

    async fn add_signing_key(
        &self,
        key: &SigningKey,
        others_retire_at: Timestamp,
        act: &Act,
    ) -> Result<(), StoreError> {
        add(self, Others::Retire(others_retire_at), key, act).await.map(drop)
    }

    async fn replace_signing_keys(&self, key: &SigningKey, act: &Act) -> Result<(), StoreError> {
        add(self, Others::Compromised, key, act).await.map(drop)
    }

    async fn succeed_signing_key(
        &self,
        predecessor: KeyId,
        key: &SigningKey,
        others_retire_at: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        add(self, Others::Succeeded(predecessor, others_retire_at), key, act).await
    }
}

/// Adds a key, and says whether it did.
async fn add(store: &Postgres, others: Others, key: &SigningKey, act: &Act) -> Result<bool, StoreError> {
    let (predecessor, others_retire_at) = match others {
        Others::Retire(at) => (None, at),
        Others::Succeeded(predecessor, at) => (Some(predecessor), at),
        Others::Compromised => (None, key.created_at),
    };
    let by = By::of(act.actor());
    let added = store
        .write_by(
            act,
            // If two keys are added at once, the second retires the first: it waits until the other is committed.
            recorded!(
                // Adding a key sets an end for the others of its algorithm, so only the newest of each algorithm has none.
                "due AS (
                     SELECT 1 AS due WHERE $10 IS NULL
                         OR EXISTS (SELECT FROM signing_keys WHERE id = $10 AND retires_at IS NULL)
                 ), retired AS (
                     UPDATE signing_keys SET retires_at = least(retires_at, $8), compromised = compromised OR $11
                     WHERE alg = $2 AND EXISTS (SELECT FROM due)
                 ), done AS (
                     INSERT INTO signing_keys (id, alg, sealed, public_key, created_at, activates_at, retires_at)
                     SELECT $1, $2, $3, $4, $5, $6, $7 FROM due RETURNING id
                 )",
                "SELECT 1, 'signing keys', NULL::uuid, NULL::bigint, $9, false FROM done",
                "$12, $13, $14",
                "SELECT id FROM done"
            ),
            params![
                id(key.id.as_bytes()),
                key.algorithm.as_str(),
                key.sealed.as_slice(),
                key.public_key.as_deref(),
                millis(key.created_at),
                millis(key.activates_at),
                key.retires_at.map(millis),
                millis(others_retire_at),
                kept(key.created_at),
                predecessor.as_ref().map(|key| id(key.as_bytes())),
                matches!(others, Others::Compromised),
                by.who(),
                by.from(),
                by.why(),
            ],
        )
        .await?;
    Ok(!added.is_empty())
}

/// Deletes the keys that retired at `until` or before.
pub(crate) async fn purge(store: &Postgres, until: Timestamp) -> Result<u64, StoreError> {
    store
        .write_count(
            "WITH gone AS (DELETE FROM signing_keys WHERE retires_at <= $1 RETURNING id) SELECT count(*) FROM gone",
            params![millis(until)],
        )
        .await
}

fn signing_key(row: &Row) -> Result<SigningKey, StoreError> {
    Ok(SigningKey {
        id: KeyId::from_bytes(id_bytes(row, 0)?),
        algorithm: parsed(row, 1)?,
        sealed: column(row, 2)?,
        public_key: column(row, 3)?,
        created_at: time(row, 4)?,
        activates_at: time(row, 5)?,
        retires_at: optional_time(row, 6)?,
        compromised: column(row, 7)?,
    })
}
