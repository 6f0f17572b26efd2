//! A PostgreSQL server for tests, in a temporary folder, ended with the process that started it.
//!
//! It uses the standard library and `tempfile` only, because the end-to-end tests use this file as well.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// A script that waits until its standard input is closed, which happens when the process that started it ends, however. Then it
/// runs the command that ends a server, and removes the folder. A signal that interrupts the tests must not end the script first.
const KEEPER: &str = r#"folder=$1; shift; trap '' INT TERM HUP; read -r _; "$@"; rm -rf "$folder""#;

/// The user that servers run as: PostgreSQL and pgbouncer refuse to run as root.
const NOBODY: u32 = 65534;

/// A test's own database; dropping it drops the database.
pub(crate) struct Database {
    /// The URL of a user who has all rights in it.
    pub(crate) url: String,
    name: String,
    /// The URL of the database from which it is created and dropped.
    from: String,
}

impl Database {
    /// Creates a database on the server that `TOLLGATE_TEST_POSTGRES_URL` names, or on one that is started for this process.
    pub(crate) fn create() -> Self {
        #[expect(clippy::disallowed_methods, reason = "it chooses the server of the tests and is no setting")]
        match std::env::var("TOLLGATE_TEST_POSTGRES_URL") {
            Ok(url) => Self::create_from(url),
            Err(_) => Server::shared().database(),
        }
    }

    fn create_from(from: String) -> Self {
        let database = Self::named(from);
        psql(&database.from, &format!("CREATE DATABASE {}", database.name));
        database
    }

    fn named(from: String) -> Self {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("tollgate_test_{}_{}", std::process::id(), CREATED.fetch_add(1, Ordering::Relaxed));
        Self { url: at_database(&from, &name), name, from }
    }

    /// Runs SQL in the database as another program would, and returns the output.
    pub(crate) fn psql(&self, sql: &str) -> String {
        psql(&self.url, sql)
    }

    /// Copies the database as it is now. Nobody may be connected to it.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::named(self.from.clone());
        psql(&copy.from, &format!("CREATE DATABASE {} TEMPLATE {}", copy.name, self.name));
        copy
    }

    /// Swaps the names of two databases, so that a program that used one finds the other in its place.
    pub(crate) fn exchange(one: &Self, other: &Self) {
        let (one_name, other_name) = (&one.name, &other.name);
        for step in [
            // A program that used it would reconnect before it is renamed.
            format!("ALTER DATABASE {one_name} ALLOW_CONNECTIONS false"),
            format!(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '{one_name}'"
            ),
            format!("ALTER DATABASE {one_name} RENAME TO {one_name}_aside"),
            format!("ALTER DATABASE {other_name} RENAME TO {one_name}"),
            format!("ALTER DATABASE {one_name}_aside RENAME TO {other_name}"),
            format!("ALTER DATABASE {other_name} ALLOW_CONNECTIONS true"),
        ] {
            psql(&one.from, &step);
        }
    }

    /// Changes the database from outside, by `ALTER DATABASE`.
    pub(crate) fn alter(&self, change: &str) {
        psql(&self.from, &format!("ALTER DATABASE {} {change}", self.name));
    }

    /// Returns how many sessions the database has had so far.
    pub(crate) fn sessions(&self) -> String {
        let sql = format!("SELECT sessions FROM pg_stat_database WHERE datname = '{}'", self.name);
        psql(&self.from, &sql)
    }

    /// Returns the URL of the same database by another URL of its server.
    pub(crate) fn by(&self, url: &str) -> String {
        at_database(url, &self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        psql(&self.from, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// A server that this process has started.
pub(crate) struct Server {
    folder: PathBuf,
    port: u16,
    settings: &'static str,
    _keeper: Child,
}

impl Server {
    /// Returns the server that all tests of the process share. It is reached by its Unix socket only.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("-c listen_addresses= -c max_connections=400", |_| {}))
    }

    /// Starts a server with settings of its own, given as arguments. `prepare` finds its data folder as `initdb` left it.
    pub(crate) fn start(settings: &'static str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = folder();
        let data = folder.join("data");
        let mut initdb = unprivileged(&folder, &program("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]);
        succeeded(initdb.arg("-D").arg(&data));
        prepare(&data);
        let keeper = keep(&folder, &pg_ctl(&folder, &["stop", "-m", "immediate"]));
        let server = Self { folder, port: free_port(), settings, _keeper: keeper };
        server.run();
        server
    }

    /// Returns the URL of the administrator's database, by its Unix socket.
    pub(crate) fn url(&self) -> String {
        socket_url(&self.folder, self.port)
    }

    /// Creates a database for one test.
    pub(crate) fn database(&self) -> Database {
        Database::create_from(self.url())
    }

    /// Ends the server as a crash would, and starts it again.
    pub(crate) fn crash_and_restart(&self) {
        self.crash();
        self.run();
    }

    /// Restarts the server as a standby without a primary.
    pub(crate) fn becomes_a_standby(&self) {
        fs::write(self.folder.join("data/standby.signal"), "").unwrap();
        chown_as(&self.folder.join("data/standby.signal"), &self.folder);
        self.crash_and_restart();
    }

    /// Promotes the standby.
    pub(crate) fn becomes_the_primary(&self) {
        succeeded(&mut pg_ctl(&self.folder, &["promote", "-w", "-t", "120"]));
    }

    /// Ends the server as a crash would.
    pub(crate) fn crash(&self) {
        succeeded(&mut pg_ctl(&self.folder, &["stop", "-m", "immediate"]));
    }

    /// Starts the server, also after a crash.
    pub(crate) fn run(&self) {
        let Self { folder, port, settings, .. } = self;
        // No test here checks what is lost when the machine loses power.
        let options =
            format!("-p {port} -c unix_socket_directories={} -c fsync=off {settings}", folder.display());
        let log = folder.join("log");
        let mut start = pg_ctl(folder, &["start", "-w", "-t", "120", "-o", &options]);
        let status = start.arg("-l").arg(&log).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{}", fs::read_to_string(log).unwrap_or_default());
    }
}

/// A pooler in transaction mode in front of the shared server. It has fewer sessions than its callers, so that two
/// transactions of one connection seldom meet the same one.
pub(crate) fn pooler() -> &'static str {
    static POOLER: OnceLock<(String, Child, Child)> = OnceLock::new();
    let (url, ..) = POOLER.get_or_init(|| {
        let (server, folder, port) = (Server::shared(), folder(), free_port());
        let config = folder.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={} port={} user=postgres\n[pgbouncer]\nlisten_port = {port}\n\
             unix_socket_dir = {}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n\
             max_client_conn = 1000\n",
            server.folder.display(),
            server.port,
            folder.display(),
        );
        fs::write(&config, text).unwrap();
        let mut command = unprivileged(&folder, &pgbouncer());
        let pooler = command.args(["-q"]).arg(&config).stderr(Stdio::null()).spawn().unwrap();
        let mut end = Command::new("kill");
        end.arg(pooler.id().to_string());
        let keeper = keep(&folder, &end);
        let socket = folder.join(format!(".s.PGSQL.{port}"));
        while !socket.exists() {
            thread::sleep(Duration::from_millis(10));
        }
        (socket_url(&folder, port), pooler, keeper)
    });
    url
}

/// Creates a folder that only the servers' user can enter.
pub(crate) fn folder() -> PathBuf {
    let folder = tempfile::tempdir().unwrap().keep();
    if is_root(&folder) {
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    folder
}

/// Gives a file to the owner of another file.
fn chown_as(file: &Path, other: &Path) {
    let owner = fs::metadata(other).unwrap();
    chown(file, Some(owner.uid()), Some(owner.gid())).unwrap();
}

fn is_root(own: &Path) -> bool {
    // The folder was made by this process, or was given away by it.
    [0, NOBODY].contains(&fs::metadata(own).unwrap().uid()) && fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Returns a command that is not run as root.
pub(crate) fn unprivileged(folder: &Path, program: &Path) -> Command {
    let mut command = if is_root(folder) {
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()]);
        command.arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn pg_ctl(folder: &Path, args: &[&str]) -> Command {
    let mut command = unprivileged(folder, &program("pg_ctl"));
    command.arg("-D").arg(folder.join("data")).args(args);
    command
}

/// Arranges that `end` is run when this process has ended.
pub(crate) fn keep(folder: &Path, end: &Command) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", KEEPER, "keeper"]).arg(folder).arg(end.get_program()).args(end.get_args());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Returns a program of the newest PostgreSQL that is installed. Debian keeps each version in a folder of its own.
pub(crate) fn program(name: &str) -> PathBuf {
    let folders = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = folders.map(|folder| folder.path().join("bin").join(name)).collect();
    found.retain(|program| program.exists());
    found.sort();
    found.pop().unwrap_or_else(|| name.into())
}

fn pgbouncer() -> PathBuf {
    let installed = PathBuf::from("/usr/sbin/pgbouncer");
    if installed.exists() { installed } else { "pgbouncer".into() }
}

/// Returns a port of 127.0.0.1 that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn socket_url(folder: &Path, port: u16) -> String {
    format!("postgres://postgres@{}:{port}/postgres", folder.display().to_string().replace('/', "%2F"))
}

/// Returns `url` with another database.
fn at_database(url: &str, name: &str) -> String {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = place.rsplit_once('/').unwrap();
    if query.is_empty() { format!("{server}/{name}") } else { format!("{server}/{name}?{query}") }
}

/// Runs SQL in a database, and returns the output.
pub(crate) fn psql(url: &str, sql: &str) -> String {
    let mut command = Command::new("psql");
    succeeded(command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]))
}

fn succeeded(command: &mut Command) -> String {
    let output =
        command.stdout(Stdio::piped()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
