//! How values are shown to people.

use tollgate_core::Timestamp;
use tollgate_http::Problem;
use tollgate_server::error::Error;
use tollgate_store::Status;

use super::page::{Cell, Link, Look, Tag};

/// Shows a time: `2026-11-24 13:30:00 UTC`.
pub(super) fn time(time: Timestamp) -> Cell {
    let text = time.rfc3339();
    let (date, rest) = text.split_once('T').unwrap_or((&text, ""));
    Cell::Time(format!("{date} {} UTC", rest.trim_end_matches('Z')), text.clone())
}

/// Shows a time, or `otherwise` if there is none.
pub(super) fn maybe_time(at: Option<Timestamp>, otherwise: &'static str) -> Cell {
    at.map_or(Cell::Nothing(otherwise), time)
}

/// Shows a status as a word.
pub(super) const fn status(status: Status) -> Tag {
    match status {
        Status::Enabled => Tag { text: "enabled", is_good: true },
        Status::Disabled => Tag { text: "disabled", is_good: false },
    }
}

/// Shows a text as it is.
pub(super) fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

/// Shows an id as code.
pub(super) fn code(code: &impl ToString) -> Cell {
    Cell::Code(code.to_string())
}

/// Shows a text as a link.
pub(super) fn link(href: impl Into<String>, text: impl Into<String>) -> Cell {
    Cell::Link(Link::new(href, text, Look::Secondary))
}

/// Reads the status of a filter; `None` for any status.
pub(super) fn status_of(text: Option<&str>) -> Result<Option<Status>, Error> {
    match text {
        None => Ok(None),
        Some("enabled") => Ok(Some(Status::Enabled)),
        Some("disabled") => Ok(Some(Status::Disabled)),
        Some(_) => Err(Problem::new("status", "must be enabled or disabled").into()),
    }
}

/// The choices of a filter by status.
pub(super) const STATUSES: [(&str, &str); 3] =
    [("", "any"), ("enabled", "enabled"), ("disabled", "disabled")];
