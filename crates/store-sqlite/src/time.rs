//! The machine's clock, and the time that has certainly passed.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};
use tollgate_core::{Timestamp, Uptime};
use tollgate_store::{StoreError, Time, TimePassed};

use crate::column::{millis, time};
use crate::engine::Sqlite;
use crate::writer::Durability;

#[async_trait]
impl Time for Sqlite {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.read(|connection| {
            connection.query_row("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)", [], |row| time(row, 0))
        })
        .await
    }

    async fn time_passed(&self) -> Result<Option<TimePassed>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT until, boot, uptime FROM time_passed")?
                .query_one([], |row| {
                    let elapsed = row.get(2).map(Duration::from_millis)?;
                    Ok(TimePassed { until: time(row, 0)?, uptime: Uptime { boot: row.get(1)?, elapsed } })
                })
                .optional()
        })
        .await
    }

    async fn note_time_passed(&self, passed: &TimePassed) -> Result<(), StoreError> {
        let TimePassed { until, uptime } = *passed;
        self.write(Durability::Process, move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO time_passed (id, until, boot, uptime) VALUES (1, ?1, ?2, ?3)
                     ON CONFLICT (id) DO UPDATE SET until = ?1, boot = ?2, uptime = ?3 WHERE until < ?1",
                )?
                .execute(params![until.millis(), uptime.boot, millis(uptime.elapsed)])
                .map(drop)
        })
        .await
    }
}
