//! What can be done to a merchant or a client as a whole.

use tollgate_store::Status;

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

    pub(super) const fn button(self) -> &'static str {
        match self {
            Self::Disable => "Disable",
            Self::Enable => "Enable",
            Self::Revoke => "Revoke all tokens",
            Self::Delete => "Delete",
        }
    }
}
