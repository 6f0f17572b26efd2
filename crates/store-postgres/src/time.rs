//! The database's clock, and the time that has certainly passed.

use std::time::Duration;

use async_trait::async_trait;
use tollgate_core::{Timestamp, Uptime};
use tollgate_store::{StoreError, Time, TimePassed};

use crate::column::{id, id_bytes, length, millis, never_written, params, time, unsigned};
use crate::engine::Postgres;

#[async_trait]
impl Time for Postgres {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        let sql = "SELECT (extract(epoch FROM statement_timestamp()) * 1000)::bigint";
        let row = self.read_one(sql, params![]).await?.ok_or_else(never_written)?;
        time(&row, 0)
    }

    async fn time_passed(&self) -> Result<Option<TimePassed>, StoreError> {
        let row = self.read_one("SELECT until, boot, uptime FROM time_passed", params![]).await?;
        row.map(|row| {
            let elapsed = Duration::from_millis(unsigned(&row, 2)?);
            Ok(TimePassed { until: time(&row, 0)?, uptime: Uptime { boot: id_bytes(&row, 1)?, elapsed } })
        })
        .transpose()
    }

    async fn note_time_passed(&self, passed: &TimePassed) -> Result<(), StoreError> {
        let TimePassed { until, uptime } = passed;
        self.write(
            "INSERT INTO time_passed (id, until, boot, uptime) VALUES (1, $1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET until = $1, boot = $2, uptime = $3 WHERE time_passed.until < $1",
            params![millis(*until), id(&uptime.boot), length(uptime.elapsed)],
        )
        .await
        .map(drop)
    }
}
