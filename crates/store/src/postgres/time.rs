//! Up to when time has passed for certain.

use std::time::Duration;

use tollgate_core::Uptime;

use super::Postgres;
use super::column::{id, id_bytes, length, millis, params, time, unsigned};
use crate::{StoreError, TimePassed};

pub(super) async fn passed(store: &Postgres) -> Result<Option<TimePassed>, StoreError> {
    let row = store.read_one("SELECT until, boot, uptime FROM time_passed", params![]).await?;
    row.map(|row| {
        let elapsed = Duration::from_millis(unsigned(&row, 2)?);
        Ok(TimePassed { until: time(&row, 0)?, uptime: Uptime { boot: id_bytes(&row, 1)?, elapsed } })
    })
    .transpose()
}

pub(super) async fn note_passed(store: &Postgres, passed: &TimePassed) -> Result<(), StoreError> {
    let TimePassed { until, uptime } = passed;
    store
        .write(
            "INSERT INTO time_passed (id, until, boot, uptime) VALUES (1, $1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET until = $1, boot = $2, uptime = $3 WHERE time_passed.until < $1",
            params![millis(*until), id(&uptime.boot), length(uptime.elapsed)],
        )
        .await
        .map(drop)
}
