//! Opens the file: makes sure that it is an intact store of Tollgate's and safely configured, and brings its schema up to date.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};
use tollgate_store::{Access, Schema, StoreError};

use crate::error::{DISK_FULL, Failure, failed};
use crate::place;

/// The application id of a store, "TGST", which tells it from any other SQLite database.
const APPLICATION_ID: i32 = 0x5447_5354;

/// The application id of a backup, "TGSB", which it has until it is opened in place of a store.
pub(crate) const BACKUP_ID: i32 = 0x5447_5342;

/// A step from one version of the schema to the next. A step that was released never changes.
pub(crate) struct Step {
    pub(crate) sql: &'static str,
    /// The oldest version whose programs can work with the schema after this step.
    oldest: usize,
}

/// The versions of the schema, each as the step from the version before. The comments on PostgreSQL's steps say why a program can be too
/// old.
pub(crate) const STEPS: &[Step] = &[
    Step { sql: include_str!("schema.sql"), oldest: 1 },
    Step { sql: include_str!("elected.sql"), oldest: 1 },
    Step { sql: include_str!("generations.sql"), oldest: 3 },
    Step { sql: include_str!("agreement.sql"), oldest: 3 },
    Step { sql: include_str!("actors.sql"), oldest: 3 },
    Step { sql: include_str!("documents.sql"), oldest: 6 },
    Step { sql: include_str!("secrets_key.sql"), oldest: 7 },
    Step { sql: include_str!("audiences.sql"), oldest: 8 },
    Step { sql: include_str!("trail.sql"), oldest: 9 },
    Step { sql: include_str!("terms.sql"), oldest: 10 },
    Step { sql: include_str!("slow_hashes.sql"), oldest: 10 },
    // An older program refuses any schema that is newer than its own.
    Step { sql: concat!(include_str!("oldest.sql"), include_str!("marks.sql")), oldest: SAYS_OLDEST },
];

/// The first version of the schema in which a store says which programs can work with it.
const SAYS_OLDEST: usize = 12;

/// The oldest usable version. Earlier ones can lose a committed transaction when a WAL is reset while another connection checkpoints it.
const OLDEST_SQLITE: i32 = 3_051_003;

/// The advice if there is no store.
const MAKE_ONE: &str = "check database.url, or make a store there with `tollgate store migrate`";

/// How long a statement waits for a lock that another process holds.
const BUSY: Duration = Duration::from_secs(5);

/// Creates a store if there is none, readable only by its owner. SQLite gives the files beside it the same mode.
///
/// The store appears under its name only when it is complete. So an empty file is never a store that is being created: it is the rest
/// of a damaged one, and is not taken for a new store.
pub(crate) fn create(path: &Path) -> Result<(), StoreError> {
    if place::look(path)?.is_some() {
        return Ok(());
    }
    let draft = draft_of(path).map_err(|kind| explain_uncreated(path, kind))?;
    create_file(&draft).map_err(|kind| explain_uncreated(path, kind))?;
    let made = prepare(&draft, OpenFlags::SQLITE_OPEN_NOFOLLOW, Access::Create)
        .map_err(|error| explain(path, error))
        .and_then(|made| {
            drop(made);
            match fs::hard_link(&draft, path).map_err(|error| error.kind()) {
                // Another process was faster; its store is just as good.
                Ok(()) | Err(ErrorKind::AlreadyExists) => Ok(()),
                Err(kind) => Err(explain_uncreated(path, kind)),
            }
        });
    // Best effort: a draft that is left over does no harm.
    let _ = fs::remove_file(&draft);
    made
}

/// Returns a random name beside `path`, in a folder whose symbolic links are resolved.
pub(crate) fn draft_of(path: &Path) -> Result<PathBuf, ErrorKind> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = path.file_name().ok_or(ErrorKind::IsADirectory)?.to_owned();
    name.push(format!(".{:016x}.new", rand::random::<u64>()));
    Ok(folder.canonicalize().map_err(|error| error.kind())?.join(name))
}

/// Creates an empty file, which must not exist yet, so that a symbolic link is not followed (POSIX open, `O_EXCL`).
pub(crate) fn create_file(path: &Path) -> Result<(), ErrorKind> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| error.kind())
}

pub(crate) fn explain_uncreated(path: &Path, kind: ErrorKind) -> StoreError {
    let shown = path.display();
    StoreError::Unavailable(match kind {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            format!("{shown} can't be created: its folder does not exist, create it first")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            format!("{shown} can't be created: make its folder writable for this user")
        }
        ErrorKind::AlreadyExists => format!("{shown} is there already: name a new file"),
        kind => format!("{shown} can't be created: {kind}"),
    })
}

/// Opens the file, which must exist, for the only connection that writes.
pub(crate) fn to_write(path: &Path, access: Access) -> Result<Connection, StoreError> {
    inspect(path)?;
    prepare(path, OpenFlags::empty(), access).map_err(|error| explain(path, error))
}

/// Opens the file, which must exist and hold a store of this version, for a process that only reads. The last of its
/// connections leaves the folder as it was, which a connection without write access could not.
pub(crate) fn to_look(path: &Path) -> Result<Connection, StoreError> {
    inspect(path)?;
    let open = || -> Result<_, Failure> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        identify(&connection)?;
        match version(&connection)? {
            0 => Err(StoreError::Misconfigured(format!("it is empty: {MAKE_ONE}")).into()),
            found if found < STEPS.len() => Err(StoreError::Misconfigured(format!(
                "its schema has version {found}, and {} is needed: start a server on it, or run `tollgate store migrate`",
                STEPS.len()
            ))
            .into()),
            _ => {
                connection.pragma_update(None, "query_only", true)?;
                Ok(connection)
            }
        }
    };
    open().map_err(|error| explain(path, error))
}

fn prepare(path: &Path, more: OpenFlags, access: Access) -> Result<Connection, Failure> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | more)?;
    // If SQLite may not write to a file, it opens it for reading only and says nothing.
    if connection.is_readonly(MAIN_DB)? {
        return unavailable("it can't be written".to_owned());
    }
    let application = identify(&connection)?;
    if access != Access::Create && version(&connection)? == 0 {
        return Err(StoreError::Misconfigured(format!("it is empty: {MAKE_ONE}")).into());
    }
    if application == BACKUP_ID {
        adopt_backup(&connection)?;
    }
    harden(&connection)?;
    migrate(&connection)?;
    Ok(connection)
}

/// Turns a backup into the store that it has replaced. The new mark is in the file itself before anything is logged.
fn adopt_backup(connection: &Connection) -> Result<(), Failure> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))?;
    if moved { unavailable("another process holds it for too long".to_owned()) } else { Ok(()) }
}

/// Opens the file for a connection that reads. A connection that writes must have opened it before.
pub(crate) fn to_read(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "query_only", true).map_err(failed)?;
    Ok(connection)
}

pub(crate) fn connect(path: &Path, access: OpenFlags) -> Result<Connection, Failure> {
    // Each connection stays on one thread, so SQLite's own locks are not needed.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    // Without this, SQLite plans a join again for each bound value, which takes three times as long as running it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Checks the file without opening it: closing it would drop the locks that another connection of this process holds on
/// it.
fn inspect(path: &Path) -> Result<(), StoreError> {
    let shown = path.display();
    if rusqlite::version_number() < OLDEST_SQLITE {
        return unavailable(format!("SQLite {} is too old, 3.51.3 is needed", rusqlite::version()));
    }
    let file = match fs::metadata(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(StoreError::Misconfigured(format!("{shown} does not exist: {MAKE_ONE}")));
        }
        Err(error) => return unavailable(format!("{shown} can't be opened: {}", error.kind())),
    };
    if file.is_dir() {
        return unavailable(format!("{shown} is a folder: name a file in it"));
    }
    if file.len() == 0 {
        return Err(StoreError::Corrupt(format!(
            "{shown} is empty: restore it from a backup, or delete it to start with a new store"
        )));
    }
    Ok(())
}

/// Refuses a file that is not a store. It reads only the first page and the schema, whatever the size; damage elsewhere is
/// reported when it is read.
fn identify(connection: &Connection) -> Result<i32, Failure> {
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let application: i32 = snapshot.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let is_empty: bool =
        snapshot.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
    let is_own = [APPLICATION_ID, BACKUP_ID].contains(&application);
    if !is_own && (application != 0 || !is_empty) {
        return Err(StoreError::Corrupt("it is a database of another program".to_owned()).into());
    }
    version(&snapshot).map(|_| application)
}

/// Sets the options that durability depends on, and reads them back: SQLite ignores an option that it can't fulfil.
fn harden(connection: &Connection) -> Result<(), Failure> {
    let mode = write_ahead(connection)?;
    if mode != "wal" {
        return unavailable(format!(
            "its file system has no write-ahead log (mode `{mode}`): use a local disk"
        ));
    }
    for (pragma, value) in [("synchronous", 2), ("foreign_keys", 1)] {
        connection.pragma_update(None, pragma, value)?;
        let found: i64 = connection.pragma_query_value(None, pragma, |row| row.get(0))?;
        if found != value {
            return unavailable(format!("SQLite keeps `{pragma}` at {found}, {value} is needed"));
        }
    }
    Ok(())
}

/// Switches to WAL mode. Two processes that create the file at once would deadlock if SQLite waited, so this function
/// waits instead.
fn write_ahead(connection: &Connection) -> rusqlite::Result<String> {
    const PAUSE: Duration = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    loop {
        let mode = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0));
        let is_busy = mode
            .as_ref()
            .is_err_and(|error| error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy));
        if !is_busy || waited >= BUSY {
            return mode;
        }
        thread::sleep(PAUSE);
        waited += PAUSE;
    }
}

/// Takes the missing steps of the schema, each in its own transaction, unless another process was faster.
fn migrate(connection: &Connection) -> Result<(), Failure> {
    while version(connection)? < STEPS.len() {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        let version = version(&transaction)?;
        if let Some(step) = STEPS.get(version) {
            transaction.execute_batch(step.sql)?;
            if version + 1 >= SAYS_OLDEST {
                transaction.execute("UPDATE tollgate_schema SET oldest = ?1", [step.oldest])?;
            }
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", version + 1)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

/// Returns the version of the schema; 0 if there is none. A newer version that this program can work with counts as its own.
fn version(connection: &Connection) -> Result<usize, Failure> {
    let schema = schema(connection)?;
    schema.check()?;
    Ok(usize::try_from(schema.version).map_or(STEPS.len(), |version| version.min(STEPS.len())))
}

/// Returns the version of the schema and, if it is newer than this program, the oldest version that the store says can work with it.
pub(crate) fn schema(connection: &Connection) -> rusqlite::Result<Schema> {
    let known = u32::try_from(STEPS.len()).expect("there are few steps");
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let oldest = if version > known {
        connection.query_one("SELECT oldest FROM tollgate_schema", [], |row| row.get(0))?
    } else {
        version
    };
    Ok(Schema { version, oldest, known })
}

/// Adds the file's path and what to do to an error.
pub(crate) fn explain(path: &Path, error: impl Into<StoreError>) -> StoreError {
    let shown = path.display();
    match error.into() {
        StoreError::Unavailable(what) if what.starts_with(DISK_FULL) => {
            StoreError::Unavailable(format!("{shown}: {what}; make room, then start again"))
        }
        StoreError::Unavailable(what) => StoreError::Unavailable(format!(
            "{shown}: {what}; the file and its folder must be writable for this user, on a local disk, held by nobody else"
        )),
        StoreError::Corrupt(what) => {
            StoreError::Corrupt(format!("{shown}: {what}; name another file or restore a backup"))
        }
        StoreError::Misconfigured(what) => StoreError::Misconfigured(format!("{shown}: {what}")),
        StoreError::OutcomeUnknown(what) => StoreError::OutcomeUnknown(format!("{shown}: {what}")),
        error @ (StoreError::Overtaken | StoreError::Newer { .. }) => error,
    }
}

fn unavailable<T, E: From<StoreError>>(what: String) -> Result<T, E> {
    Err(StoreError::Unavailable(what).into())
}
