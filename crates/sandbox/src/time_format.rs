//! The format of times for programs.

use std::time::SystemTime;

use tollgate_core::Timestamp;

/// Writes a time as RFC 3339 in UTC, to the millisecond: `2026-11-24T13:30:00.000Z`.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    humantime::format_rfc3339_millis(SystemTime::from(time.min(Timestamp::LAST_DATE))).to_string()
}
