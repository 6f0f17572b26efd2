//! What commands say on standard error, a line each. That nobody reads it is no error.

use std::io::{self, Write};

use crate::failure::Failure;
use crate::printable::printable;

/// Says what is good to know.
pub fn note(text: &str) {
    line("note", text);
}

/// Says what is seldom meant.
pub fn warning(text: &str) {
    line("warning", text);
}

/// Says why a command failed, a line for each problem.
pub fn failure(failure: &Failure) {
    for problem in failure.problems() {
        line("tollgate", problem);
    }
}

/// Says a text as it is.
pub fn plain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn line(label: &str, text: &str) {
    let shown: Vec<_> = text.lines().map(printable).collect();
    let _ = writeln!(io::stderr(), "{label}: {}", shown.join("; "));
}
