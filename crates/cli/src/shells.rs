//! `tollgate completions` and `tollgate man`: the command line for shells and man pages.

use std::fs;
use std::path::Path;
use tollgate_commands::{Failure, output};

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::args::Args;

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    generate(shell, &mut Args::command(), "tollgate", &mut text);
    output::lines(&String::from_utf8_lossy(&text))
}

/// Writes a page for each command to a folder.
pub(crate) fn man(dir: &Path) -> Result<(), Failure> {
    fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Args::command(), dir))
        .map_err(|error| Failure::new(format!("{} can't be written: {error}", dir.display())))
}
