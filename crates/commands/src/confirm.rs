//! Asking before something is destroyed.

use std::io::{self, IsTerminal, Write};

use crate::failure::Failure;
use crate::printable::printable;

/// Whether to ask.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Confirm {
    /// Does not ask at a terminal.
    #[arg(long)]
    yes: bool,
}

impl Confirm {
    /// Says whether to ask: only at a terminal, so that no script waits for an answer.
    pub(crate) fn asks(self) -> bool {
        !self.yes && io::stdin().is_terminal() && io::stderr().is_terminal()
    }
}

/// Asks, and fails unless the answer is yes.
pub(crate) fn ask(question: &str) -> Result<(), Failure> {
    let mut answer = String::new();
    let asked = write!(io::stderr(), "{} [y/N] ", printable(question)).and_then(|()| io::stderr().flush());
    let read = asked.and_then(|()| io::stdin().read_line(&mut answer));
    match (read, answer.trim().to_ascii_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Failure::new("not confirmed: nothing was changed")),
    }
}
