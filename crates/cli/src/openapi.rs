//! `tollgate openapi`: prints the description of the HTTP API.

use tollgate_commands::{Failure, open, output};
use tollgate_server::openapi::{Surface, document};

use crate::args::OpenapiArgs;

/// Prints the document; it is JSON in either format.
pub(crate) fn run(args: &OpenapiArgs) -> Result<(), Failure> {
    let Some(file) = open::named_file(args.config.as_deref()) else { return print(&Surface::default()) };
    let config = open::load(Some(&file))?;
    print(&Surface::of(&config, false))
}

fn print(surface: &Surface<'_>) -> Result<(), Failure> {
    output::lines(&format!("{:#}\n", document(surface)))
}
