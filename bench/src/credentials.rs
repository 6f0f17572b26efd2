//! The file in which `seed` hands credentials to `load`: a client's id and its secret on each line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

/// What a client authenticates with.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Its id, a UUID.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

/// Reads the first `count` lines.
pub fn read(path: &Path, count: usize) -> io::Result<Vec<Credentials>> {
    let lines = BufReader::new(File::open(path)?).lines().take(count);
    lines
        .map(|line| {
            let line = line?;
            let (id, secret) = line
                .split_once(' ')
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a line is an id and a secret"))?;
            Ok(Credentials { client_id: id.to_owned(), client_secret: secret.to_owned() })
        })
        .collect()
}

/// Writes the file.
pub fn write(path: &Path, all: &[Credentials]) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for one in all {
        writeln!(out, "{} {}", one.client_id, one.client_secret)?;
    }
    out.flush()
}
