//! Up to when time has passed for certain.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result, params};
use tollgate_core::Uptime;

use super::column::{millis, time};
use crate::TimePassed;

pub(super) fn noted(connection: &Connection) -> Result<Option<TimePassed>> {
    connection
        .prepare_cached("SELECT until, boot, uptime FROM time_passed")?
        .query_one([], |row| {
            let uptime = Uptime { boot: row.get(1)?, elapsed: Duration::from_millis(row.get(2)?) };
            Ok(TimePassed { until: time(row, 0)?, uptime })
        })
        .optional()
}

pub(super) fn note(connection: &Connection, passed: &TimePassed) -> Result<()> {
    let TimePassed { until, uptime } = passed;
    connection
        .prepare_cached(
            "INSERT INTO time_passed (id, until, boot, uptime) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET until = ?1, boot = ?2, uptime = ?3 WHERE until < ?1",
        )?
        .execute(params![until.millis(), uptime.boot, millis(uptime.elapsed)])
        .map(drop)
}
