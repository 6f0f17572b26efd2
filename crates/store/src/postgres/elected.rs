//! Which process does what only one of them should.

use tollgate_core::Timestamp;

use super::Postgres;
use super::column::{id, millis, params};
use crate::{Candidacy, StoreError};

pub(super) async fn elect(
    store: &Postgres,
    candidacy: &Candidacy,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Candidacy { office, holder, until } = candidacy;
    let elected = store
        .write(
            "INSERT INTO elected (office, holder, until) VALUES ($1, $2, $3)
             ON CONFLICT (office) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE elected.holder = excluded.holder OR elected.until <= $4
             RETURNING office",
            params![*office, id(holder), millis(*until), millis(now)],
        )
        .await?;
    Ok(!elected.is_empty())
}

pub(super) async fn resign(store: &Postgres, candidacy: &Candidacy) -> Result<(), StoreError> {
    store
        .write(
            "DELETE FROM elected WHERE office = $1 AND holder = $2",
            params![candidacy.office, id(&candidacy.holder)],
        )
        .await
        .map(drop)
}
