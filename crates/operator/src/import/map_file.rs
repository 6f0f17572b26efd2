//! The file that maps each client's old id to its new one.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use tollgate_core::{ClientId, MerchantId};

use crate::file_error::FileError;
use crate::private_file;

/// The rows of the file. It is written when the import ends, even if the import could not finish: it has what was imported until
/// then, and what was imported before.
pub struct MapFile<'a> {
    path: &'a Path,
    rows: csv::Writer<Vec<u8>>,
}

/// The first line of the file.
const COLUMNS: [&str; 3] = ["old_client_id", "client_id", "merchant_id"];

impl<'a> MapFile<'a> {
    /// Starts a file without clients. Fails if the path has a file that no import has written, which would be lost.
    pub fn new(path: &'a Path) -> Result<Self, FileError> {
        check(path)?;
        let mut map = Self { path, rows: csv::Writer::from_writer(Vec::new()) };
        map.row(COLUMNS);
        Ok(map)
    }

    /// Adds a client, whether it was imported now or before.
    pub fn add(&mut self, old: &str, id: Option<ClientId>, merchant: Option<MerchantId>) {
        let text = |id: Option<String>| id.unwrap_or_default();
        let (id, merchant) = (id.map(|id| id.to_string()), merchant.map(|id| id.to_string()));
        self.row([old, &text(id), &text(merchant)]);
    }

    fn row(&mut self, row: [&str; 3]) {
        self.rows.write_record(row).expect("rows of one length can be written to memory");
    }

    /// Writes the file, and replaces the file of an earlier import if there is one.
    pub fn write(self) -> Result<(), FileError> {
        let Self { path, rows } = self;
        check(path)?;
        let content = rows.into_inner().expect("memory can be written");
        private_file::replace(path, &content).map_err(|error| FileError::unwritable(path, error))
    }
}

/// Refuses a path with something that no import has written. A link to a file of an import is accepted, and stays.
fn check(path: &Path) -> Result<(), FileError> {
    let is_free = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
        Ok(found) if found.is_file() => is_map(path),
        Ok(found) => Ok(found.is_symlink()),
    };
    if is_free.map_err(|error| FileError::unreadable(path, error))? {
        return Ok(());
    }
    let problem =
        "it is there and is no file of ids that an import has written: delete it, or choose another place";
    Err(FileError::wrong(path, problem))
}

/// Says whether a file begins like an import's, or is empty.
fn is_map(path: &Path) -> io::Result<bool> {
    let first_line = format!("{}\n", COLUMNS.join(","));
    let mut begin = Vec::new();
    File::open(path)?.take(first_line.len() as u64).read_to_end(&mut begin)?;
    Ok(begin.is_empty() || begin == first_line.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_of_an_earlier_import_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.csv");
        let write = |id: &str| {
            let mut map = MapFile::new(&path)?;
            map.add(id, None, None);
            map.write()
        };
        for id in ["a", "b"] {
            write(id).unwrap();
            assert_eq!(
                fs::read_to_string(&path).unwrap(),
                format!("old_client_id,client_id,merchant_id\n{id},,\n")
            );
        }
        fs::write(&path, "").unwrap();
        write("c").unwrap();
        for precious in ["precious", "old_client_id\n", "client_id,old_client_id,merchant_id\n"] {
            fs::write(&path, precious).unwrap();
            let said = write("d").unwrap_err().to_string();
            assert!(said.contains("map.csv: it is there and is no file of ids"), "{said}");
            assert_eq!(fs::read_to_string(&path).unwrap(), precious);
        }
        assert!(MapFile::new(folder.path()).is_err());

        // A file that somebody puts there meanwhile is kept, too.
        fs::remove_file(&path).unwrap();
        let map = MapFile::new(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        assert!(map.write().is_err());

        let link = folder.path().join("link.csv");
        symlink(&path, &link).unwrap();
        MapFile::new(&link).unwrap().write().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
