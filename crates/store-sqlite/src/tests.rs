//! The conformance suite on SQLite, and tests of what only SQLite can get wrong.

mod backup;
mod commits;
mod opening;
mod place;
mod reading;
mod serving;
mod transfer;
mod upgrading;

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use tollgate_core::{Environment, MerchantId, Timestamp};
use tollgate_store::conformance::act_of;
use tollgate_store::{Act, Actor, Answer, Document, IdempotencyScope, Lease, Merchant, Status, Version};

use crate::Sqlite;
use crate::place::beside;

mod conformance {
    use std::future::{Ready, ready};
    use std::sync::Arc;

    use crate::Sqlite;
    use tollgate_store::Store;

    fn open() -> Ready<(Arc<dyn Store>, tempfile::TempDir)> {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("tollgate.db")).unwrap();
        ready((Arc::new(store), folder))
    }

    tollgate_store::conformance_tests!(open);
}

/// Runs the suite after a newer program has taken a step that only adds to the schema, while the store was open.
mod conformance_beside_a_newer_program {
    use std::future::{Ready, ready};
    use std::sync::Arc;

    use tollgate_store::Store;

    fn open() -> Ready<(Arc<dyn Store>, tempfile::TempDir)> {
        let super::Fixture { store, path, _folder: folder } = super::fixture();
        super::take_a_step_that_only_adds(&path);
        ready((Arc::new(store), folder))
    }

    tollgate_store::conformance_tests!(open);
}

/// The act for tests that are not about acts.
static SYSTEM: LazyLock<Act> = LazyLock::new(|| act_of(Actor::system()));

const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

/// A store in a temporary folder of its own.
struct Fixture {
    store: Sqlite,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.db");
    Fixture { store: Sqlite::open(&path).unwrap(), path, _folder: folder }
}

/// Changes the schema as a newer program may: adds a table, and a column to each table that exists.
fn take_a_step_that_only_adds(path: &Path) {
    let other = raw(path);
    let tables: Vec<String> = other
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut steps = vec!["BEGIN IMMEDIATE".to_owned()];
    let add = |table| format!("ALTER TABLE {table} ADD COLUMN added INTEGER NOT NULL DEFAULT 7");
    steps.extend(tables.iter().map(add));
    steps.push(
        "CREATE TABLE added (id INTEGER PRIMARY KEY) STRICT; PRAGMA user_version = 13; COMMIT".to_owned(),
    );
    other.execute_batch(&steps.join(";")).unwrap();
}

/// Opens a connection as another program would.
fn raw(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

fn bytes(number: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn merchant(number: u32) -> Merchant {
    let id = MerchantId::from_bytes(bytes(number));
    Merchant {
        id,
        name: "m".repeat(100),
        status: Status::Enabled,
        created_at: NOW,
        version: Version::default(),
    }
}

fn lease(number: u32) -> Lease {
    Lease {
        scope: IdempotencyScope {
            merchant_id: MerchantId::from_bytes(bytes(1)),
            environment: Environment::Test,
            route: "POST /",
            key: number.to_string(),
        },
        fingerprint: [3; 32],
        owner: bytes(number),
        until: NOW.after(Duration::from_secs(30)),
    }
}

fn answer() -> Answer {
    Answer { status: 201, body: b"{}".to_vec(), expires_at: NOW.after(Duration::from_secs(60)) }
}

const KIND: &str = "payment request";

fn document(number: u32) -> Document {
    Document {
        kind: KIND,
        id: bytes(number),
        merchant_id: MerchantId::from_bytes(bytes(1)),
        environment: Environment::Test,
        body: "d".repeat(1000),
        state: "pending".to_owned(),
        created_at: NOW,
        expires_at: NOW.after(Duration::from_secs(60)),
        changed_at: None,
    }
}

/// Starts the test `name` of this binary in another process, with `path` on its standard input. Such tests do
/// nothing by themselves, and are ignored.
fn child(program: &Path, name: &str, path: &Path, prepare: impl FnOnce(&mut Command)) -> Child {
    let mut command = Command::new(program);
    command.args(["--ignored", "--nocapture", "--exact", name]).stdin(Stdio::piped()).stdout(Stdio::piped());
    prepare(&mut command);
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", path.display()).unwrap();
    child
}

/// Returns the path that a child process was given.
fn given_path() -> PathBuf {
    let mut line = String::new();
    BufReader::new(std::io::stdin()).read_line(&mut line).unwrap();
    line.trim_end().into()
}
