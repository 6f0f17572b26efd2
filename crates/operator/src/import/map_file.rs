//! The file that says which id each client had, and which it has.

use std::path::Path;

use tollgate_core::{ClientId, MerchantId};

use crate::file_error::FileError;
use crate::private_file;

/// The rows of the file. It is written when the import ends, also where it could not go on: what was imported by then is in it, and what
/// was imported before.
pub struct MapFile<'a> {
    path: &'a Path,
    rows: csv::Writer<Vec<u8>>,
}

impl<'a> MapFile<'a> {
    /// Starts a file without clients.
    pub fn new(path: &'a Path) -> Self {
        let mut map = Self { path, rows: csv::Writer::from_writer(Vec::new()) };
        map.row(["old_client_id", "client_id", "merchant_id"]);
        map
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

    /// Writes the file, in place of the one that is there if there is one.
    pub fn write(self) -> Result<(), FileError> {
        let Self { path, rows } = self;
        let content = rows.into_inner().expect("memory can be written");
        private_file::replace(path, &content).map_err(|error| FileError::unwritable(path, error))
    }
}
