//! What can be done to a merchant or a client as a whole.

use axum::response::Response;
use tollgate_store::Status;

use super::act::{ASKED, done};
use super::page::{Link, Look};

/// What can be done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Disable,
    Enable,
    Revoke,
    Delete,
}

impl Act {
    pub(super) const ALL: [Self; 4] = [Self::Disable, Self::Enable, Self::Revoke, Self::Delete];

    /// Those that make sense.
    pub(super) const fn of(status: Status) -> [Self; 3] {
        match status {
            Status::Enabled => [Self::Disable, Self::Revoke, Self::Delete],
            Status::Disabled => [Self::Enable, Self::Revoke, Self::Delete],
        }
    }

    /// Leads to where it is asked for: this path, as the router reads it, of the thing with this id.
    pub(super) fn link(self, path: &str, id: &impl ToString) -> Link {
        let look = if matches!(self, Self::Delete) { Look::Danger } else { Look::Secondary };
        Link::new(path.replace("{id}", &id.to_string()), self.button(), look)
    }

    /// Leads on from the act to the thing, or to the list where it is gone.
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
