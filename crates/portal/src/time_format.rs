//! The format of times for people.

use std::time::SystemTime;

use tollgate_core::Timestamp;

/// Writes a time in UTC, to the second: `2026-11-24 13:30:00 UTC`.
pub(crate) fn utc(time: Timestamp) -> String {
    let text =
        humantime::format_rfc3339_seconds(SystemTime::from(time.min(Timestamp::LAST_DATE))).to_string();
    format!("{} {} UTC", &text[..10], &text[11..19])
}
