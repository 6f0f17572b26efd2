//! A copy of the store, made while servers write.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tollgate_store::StoreError;

use crate::engine::Sqlite;
use crate::error::Failure;
use crate::open::{self, BACKUP_ID};
use crate::{damage, leftover};

/// A backup that was written and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// The size of its file in bytes.
    pub bytes: u64,
}

impl Sqlite {
    /// Writes the store at `path`, as of one point in time, to the new file `to`, which only its owner can read.
    ///
    /// Servers may write meanwhile and are not held up: the backup is one transaction that reads. The file appears under its name
    /// once it is complete, checked and on the disk. It is marked as a backup until it is opened in place of a store. Blocks until
    /// it is done.
    pub fn back_up(path: &Path, to: &Path) -> Result<Backup, StoreError> {
        leftover::check(path)?;
        if fs::symlink_metadata(to).is_ok() {
            return Err(open::explain_uncreated(to, ErrorKind::AlreadyExists));
        }
        let store = open::to_look(path)?;
        let draft = open::draft_of(to).map_err(|kind| open::explain_uncreated(to, kind))?;
        open::create_file(&draft).map_err(|kind| open::explain_uncreated(to, kind))?;
        let made = write(&store, &draft)
            .map_err(|error| open::explain(to, error))
            .and_then(|backup| publish(&draft, to).map(|()| backup));
        // Best effort: a draft that is left over does no harm.
        let _ = fs::remove_file(&draft);
        made
    }
}

fn write(store: &Connection, draft: &Path) -> Result<Backup, Failure> {
    let Some(name) = draft.to_str() else {
        return Err(StoreError::Misconfigured("the path of a backup must be UTF-8".to_owned()).into());
    };
    // It writes to the other file only, but SQLite takes that for writing to this one.
    store.pragma_update(None, "query_only", false)?;
    store.execute("VACUUM main INTO ?1", [name])?;
    let backup = open::connect(draft, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW)?;
    let damage = damage::damage(&backup)?;
    if let Some(first) = damage.first() {
        return Err(StoreError::Corrupt(format!(
            "the copy is not whole: {first}; run `tollgate store check`"
        ))
        .into());
    }
    backup.pragma_update(None, "application_id", BACKUP_ID)?;
    drop(backup);
    let file = File::open(draft).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
    let bytes = file.map_err(|error| StoreError::Unavailable(error.kind().to_string()))?.len();
    Ok(Backup { bytes })
}

/// Gives the draft its name, unless a file has that name by now, and makes the name survive a power cut.
fn publish(draft: &Path, to: &Path) -> Result<(), StoreError> {
    fs::hard_link(draft, to).map_err(|error| open::explain_uncreated(to, error.kind()))?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| StoreError::Unavailable(format!("{}: {}", folder.display(), error.kind())))
}
