//! How far a command has come, shown at a terminal.

use std::io::{self, IsTerminal, Write};

/// A line on standard error that is written over again. It is shown at a terminal alone.
pub(crate) struct Progress {
    total: usize,
    is_shown: bool,
}

impl Progress {
    /// Of so many steps.
    pub(crate) fn of(total: usize) -> Self {
        Self { total, is_shown: io::stderr().is_terminal() }
    }

    /// Shows that so many are done.
    pub(crate) fn show(&self, done: usize) {
        if self.is_shown {
            // That nobody sees it is no error.
            let _ = write!(io::stderr(), "\r{done} of {} done\x1b[K", self.total);
        }
    }

    /// Makes room for another line.
    pub(crate) fn hide(&self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
