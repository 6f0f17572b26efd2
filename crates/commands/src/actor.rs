//! The person who runs a command, as recorded with the command's changes.

use tollgate_admin::{machine, unix_user};
use tollgate_store::{Actor, ActorKind};

use crate::args::Why;

/// Returns the actor with the Unix user and the machine.
pub fn actor() -> Actor {
    Actor::new(ActorKind::CommandLine { user: unix_user(), host: machine() })
}

/// Returns the actor with the Unix user, the machine and the reason that was given.
pub(crate) fn actor_because(why: Why) -> Actor {
    Actor { why: why.reason.map(String::from), ..actor() }
}
