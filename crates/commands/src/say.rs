//! Messages of commands on standard error, each on a line. It is no error if nobody reads them.

use std::io::{self, Write};

use crate::failure::Failure;
use crate::printable::printable;

/// Prints a note, which is good to know.
pub fn note(text: &str) {
    line("note", text);
}

/// Prints a warning, about something that is seldom intended.
pub fn warning(text: &str) {
    line("warning", text);
}

/// Prints why a command failed, with a line for each problem.
pub fn failure(failure: &Failure) {
    for problem in failure.problems() {
        line("tollgate", problem);
    }
}

/// Prints a text as it is.
pub fn plain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn line(label: &str, text: &str) {
    let shown: Vec<_> = text.lines().map(printable).collect();
    let _ = writeln!(io::stderr(), "{label}: {}", shown.join("; "));
}
