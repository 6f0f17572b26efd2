//! The acts on a merchant or a client as a whole.

use axum::response::Response;
use tollgate_store::Status;

use super::act::{ASKED, done};
use super::page::{Link, Look};

/// An act on a merchant or a client as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Disable,
    Enable,
    Revoke,
    Delete,
}

impl Act {
    pub(super) const ALL: [Self; 4] = [Self::Disable, Self::Enable, Self::Revoke, Self::Delete];

    /// Returns the acts that make sense for this status.
    pub(super) const fn of(status: Status) -> [Self; 3] {
        match status {
            Status::Enabled => [Self::Disable, Self::Revoke, Self::Delete],
            Status::Disabled => [Self::Enable, Self::Revoke, Self::Delete],
        }
    }

    /// Links to the page that asks before the act: `path` is the router's pattern, and `id` the object's id.
    pub(super) fn link(self, path: &str, id: &impl ToString) -> Link {
        let look = if matches!(self, Self::Delete) { Look::Danger } else { Look::Secondary };
        Link::new(path.replace("{id}", &id.to_string()), self.button(), look)
    }

    /// Redirects from the act to the object, or to the list if the object was deleted.
    pub(super) fn done(self, what: &str, thing: &str, list: &str) -> Response {
        let is_gone = matches!(self, Self::Delete) && what != ASKED;
        done(if is_gone { list } else { thing }, what)
    }

    pub(super) const fn button(self) -> &'static str {
        match self {
            Self::Disable => "Disable",
            Self::Enable => "Enable",
            Self::Revoke => "Revoke all tokens",
            Self::Delete => "Delete",
        }
    }
}
