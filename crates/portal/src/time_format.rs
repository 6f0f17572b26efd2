//! The format of times for people.

use tollgate_core::Timestamp;

/// Writes a time in UTC, to the second: `2026-11-24 13:30:00 UTC`.
pub(crate) fn utc(time: Timestamp) -> String {
    let text = time.rfc3339();
    format!("{} {} UTC", &text[..10], &text[11..19])
}
