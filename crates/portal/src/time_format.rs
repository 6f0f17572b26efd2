//! Times as they are written for people.

use std::time::SystemTime;

use tollgate_core::Timestamp;

/// Writes a time in UTC, to the second: `2026-11-24 13:30:00 UTC`.
pub(crate) fn utc(time: Timestamp) -> String {
    let text = humantime::format_rfc3339_seconds(SystemTime::from(time.min(LAST))).to_string();
    format!("{} {} UTC", &text[..10], &text[11..19])
}

/// The last moment of the year 9999, after which RFC 3339 has no years.
const LAST: Timestamp = Timestamp::from_millis(253_402_300_799_999);
