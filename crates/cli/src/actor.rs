//! Who runs a command, as it is recorded with what the command changes.

use tollgate_core::{Actor, ActorKind};
use tollgate_server::{machine, unix_user};

/// Returns the Unix user and the machine.
pub(crate) fn actor() -> Actor {
    Actor::new(ActorKind::CommandLine { user: unix_user(), host: machine() })
}
