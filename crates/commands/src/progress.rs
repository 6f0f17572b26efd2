//! Shows the progress of a command at a terminal.

use std::io::{self, IsTerminal, Write};

/// A line on standard error that is updated in place. It is shown only at a terminal.
pub(crate) struct Progress {
    total: usize,
    is_shown: bool,
}

impl Progress {
    /// Makes a progress line for this many steps.
    pub(crate) fn of(total: usize) -> Self {
        Self { total, is_shown: io::stderr().is_terminal() }
    }

    /// Shows that this many steps are done.
    pub(crate) fn show(&self, done: usize) {
        if self.is_shown {
            // It is no error if nobody reads it.
            let _ = write!(io::stderr(), "\r{done} of {} done\x1b[K", self.total);
        }
    }

    /// Clears the line, so that another one can be printed.
    pub(crate) fn hide(&self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
