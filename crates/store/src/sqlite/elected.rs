//! Which process does what only one of them should.

use rusqlite::{Connection, Result, params};
use tollgate_core::Timestamp;

use crate::Candidacy;

pub(super) fn elect(connection: &Connection, candidacy: &Candidacy, now: Timestamp) -> Result<bool> {
    let Candidacy { office, holder, until } = candidacy;
    connection
        .prepare_cached(
            "INSERT INTO elected (office, holder, until) VALUES (?1, ?2, ?3)
             ON CONFLICT (office) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE elected.holder = excluded.holder OR elected.until <= ?4",
        )?
        .execute(params![office, holder, until.millis(), now.millis()])
        .map(|rows| rows == 1)
}

pub(super) fn resign(connection: &Connection, candidacy: &Candidacy) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM elected WHERE office = ?1 AND holder = ?2")?
        .execute(params![candidacy.office, candidacy.holder])
        .map(drop)
}
