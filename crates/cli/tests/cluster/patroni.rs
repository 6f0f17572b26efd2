//! Three PostgreSQL members under Patroni, each on an address of its own, with synchronous replication.

use std::collections::HashSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::eventually;
use crate::postgres_server::{folder, keep, program, psql, unprivileged};

/// How long a cluster may take for anything. Only a bug makes it pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

/// The addresses of the members.
const ADDRESSES: [&str; 3] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];

/// Ends every process whose folder is in `$1`. A second time, for what was started while the first looked.
const END: &str = r#"for _ in 1 2; do
    for process in /proc/[0-9]*; do
        case $(readlink "$process/cwd") in "$1"/*) kill -KILL "${process#/proc/}" ;; esac
    done
done"#;

/// A cluster, ended with the process that started it.
pub(crate) struct Cluster {
    members: Vec<Member>,
    port: u16,
    _etcd: Child,
    _keeper: Child,
}

impl Cluster {
    /// Starts one, and waits until it is whole.
    pub(crate) fn start() -> Self {
        let folder = folder();
        let mut end = Command::new("sh");
        end.args(["-c", END, "end"]).arg(&folder);
        let keeper = keep(&folder, &end);
        let ports: [u16; 4] = free_ports();
        let [etcd, peers, port, api] = ports;
        let process = start_etcd(&folder, etcd, peers);
        let member = |address: &&str| Member::start(&folder, address, port, api, etcd);
        let members = ADDRESSES.iter().map(member).collect();
        let cluster = Self { members, port, _etcd: process, _keeper: keeper };
        cluster.until_whole();
        cluster
    }

    /// The URL of a database, with all members in it.
    pub(crate) fn url(&self, database: &str) -> String {
        let hosts = ADDRESSES.map(|address| format!("{address}:{}", self.port));
        format!("postgres://postgres@{}/{database}", hosts.join(","))
    }

    /// Runs SQL on the primary.
    pub(crate) fn psql(&self, sql: &str) -> String {
        psql(&format!("{}?target_session_attrs=read-write", self.url("postgres")), sql)
    }

    /// The member that takes writes.
    pub(crate) fn primary(&self) -> &Member {
        self.with_role("leader")
    }

    /// A member that commits wait for.
    pub(crate) fn synchronous_standby(&self) -> &Member {
        self.with_role("sync_standby")
    }

    /// Waits until every member follows the primary, and the failure of any is survived.
    pub(crate) fn until_whole(&self) {
        eventually("the cluster is whole", PATIENCE, || self.state().filter(is_whole));
    }

    fn with_role(&self, role: &str) -> &Member {
        let name = eventually(role, PATIENCE, || {
            let state = self.state()?;
            let member = state.as_array()?.iter().find(|member| member["role"] == role)?;
            Some(member["name"].as_str()?.to_owned())
        });
        self.members.iter().find(|member| member.name == name).unwrap()
    }

    /// The members as Patroni knows them, if one of them answers.
    fn state(&self) -> Option<Value> {
        self.members.iter().find_map(Member::cluster)
    }
}

/// Says what the members said, since their logs go with them.
impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for member in &self.members {
                println!("== {}\n{}", member.name, member.said());
            }
        }
    }
}

/// Whether each member streams from the primary, and commits wait for all of them.
fn is_whole(members: &Value) -> bool {
    let members = members.as_array().unwrap();
    let count = |role: &str| members.iter().filter(|member| member["role"] == role).count();
    let running = |member: &Value| member["state"] == "running" || member["state"] == "streaming";
    let timelines: HashSet<_> = members.iter().map(|member| member["timeline"].as_u64()).collect();
    members.len() == ADDRESSES.len()
        && members.iter().all(running)
        && timelines.len() == 1
        && !timelines.contains(&None)
        && count("leader") == 1
        && count("sync_standby") == ADDRESSES.len() - 1
}

/// A PostgreSQL server and its Patroni, as a machine of their own.
pub(crate) struct Member {
    name: String,
    folder: PathBuf,
    api: String,
    patroni: Mutex<Child>,
}

impl Member {
    fn start(folder: &Path, address: &str, port: u16, api: u16, etcd: u16) -> Self {
        let name = address.replace('.', "-");
        let folder = owned(folder, &name);
        let config = config(&name, &folder, address, [port, api, etcd]);
        fs::write(folder.join("patroni.json"), config.to_string()).unwrap();
        let patroni = Mutex::new(run_patroni(&folder));
        Self { name, folder, api: format!("http://{address}:{api}"), patroni }
    }

    /// Starts it again after it was killed.
    pub(crate) fn start_again(&self) {
        *self.patroni.lock().unwrap() = run_patroni(&self.folder);
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&self) {
        eventually("nothing is left of it", PATIENCE, || self.signal("KILL").is_empty().then_some(()));
        self.patroni.lock().unwrap().wait().unwrap();
    }

    /// Stops it in the middle of whatever it does: to all others its machine is cut off.
    pub(crate) fn freeze(&self) {
        eventually("all of it has stopped", PATIENCE, || {
            self.signal("STOP").iter().all(|process| is_stopped(*process)).then_some(())
        });
    }

    /// Lets it go on as if nothing had happened.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// The end of its log, without what it says of a primary that is away, again and again.
    fn said(&self) -> String {
        const LINES: usize = 80;
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let noise = ["could not connect to the primary", "waiting for WAL", "no action. I am"];
        let lines: Vec<_> =
            log.lines().filter(|line| !noise.iter().any(|noise| line.contains(noise))).collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Sends a signal to each of its processes, and returns them.
    fn signal(&self, name: &str) -> Vec<u32> {
        let processes = self.processes();
        let ids = processes.iter().map(u32::to_string);
        // Some may have ended meanwhile.
        let _ = Command::new("kill").args(["-s", name, "--"]).args(ids).stderr(Stdio::null()).status();
        processes
    }

    /// Its processes, by their working folder. One that has ended has none.
    fn processes(&self) -> Vec<u32> {
        let ids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            fs::read_link(entry.path().join("cwd")).ok()?.starts_with(&self.folder).then_some(id)
        });
        ids.collect()
    }

    /// The cluster as it knows it.
    fn cluster(&self) -> Option<Value> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--max-time", "1"]).arg(format!("{}/cluster", self.api));
        let output = curl.output().unwrap();
        let mut state: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(state["members"].take()).filter(Value::is_array)
    }
}

fn run_patroni(folder: &Path) -> Child {
    let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = unprivileged(folder, Path::new("patroni"));
    command.arg("patroni.json").env("HOME", folder);
    command.stderr(log.try_clone().unwrap()).stdout(log).spawn().unwrap()
}

/// The shortest times that Patroni documents, so that a failover takes little longer than the 20 s of its lease.
fn config(name: &str, folder: &Path, address: &str, [port, api, etcd]: [u16; 3]) -> Value {
    let bin = program("postgres");
    let parameters = json!({
        "max_connections": 100, "wal_log_hints": "on", "wal_keep_size": "64MB",
        // A standby finds the new primary, and a primary gives up a standby, within seconds.
        "wal_retrieve_retry_interval": "500ms", "wal_sender_timeout": "5s", "wal_receiver_timeout": "5s",
    });
    json!({
        "scope": "tollgate",
        "name": name,
        "restapi": { "listen": format!("{address}:{api}"), "connect_address": format!("{address}:{api}") },
        (etcd_section()): { "host": format!("127.0.0.1:{etcd}") },
        "bootstrap": {
            "dcs": {
                "ttl": 20, "loop_wait": 1, "retry_timeout": 3, "primary_start_timeout": 0,
                // Of two that commits wait for, the one that has more takes over, and the other need not be rewound.
                "synchronous_mode": true, "synchronous_mode_strict": true, "synchronous_node_count": 2,
                "postgresql": { "use_pg_rewind": true, "parameters": parameters },
            },
            "initdb": [{ "encoding": "UTF8" }, { "locale": "C" }, { "auth": "trust" }, "no-sync"],
        },
        "postgresql": {
            "listen": format!("{address}:{port}"),
            "connect_address": format!("{address}:{port}"),
            "data_dir": folder.join("data"),
            "bin_dir": bin.parent().filter(|folder| !folder.as_os_str().is_empty()),
            "pgpass": folder.join("pgpass"),
            "pg_hba": ["local all all trust", "host all all 127.0.0.0/8 trust", "host replication all 127.0.0.0/8 trust"],
            "authentication": {
                "superuser": { "username": "postgres" },
                "replication": { "username": "replicator" },
                "rewind": { "username": "rewinder" },
            },
            // What is lost with a machine's power is replaced from the others.
            "parameters": { "unix_socket_directories": folder, "fsync": "off" },
        },
    })
}

/// Before 3.1 Patroni has no safe use of etcd's third interface: a primary that was cut off takes the leadership back from its
/// successor, and with it what that one has committed (its pull requests 2689 and 2783).
fn is_old() -> bool {
    static OLD: OnceLock<bool> = OnceLock::new();
    *OLD.get_or_init(|| {
        let said = Command::new("patroni").arg("--version").output().unwrap().stdout;
        let said = String::from_utf8(said).unwrap();
        let mut numbers =
            said.trim().rsplit(' ').next().unwrap().split('.').map(|part| part.parse::<u32>().unwrap());
        (numbers.next(), numbers.next()) < (Some(3), Some(1))
    })
}

/// The section of Patroni's configuration for etcd.
fn etcd_section() -> &'static str {
    if is_old() { "etcd" } else { "etcd3" }
}

fn start_etcd(folder: &Path, clients: u16, peers: u16) -> Child {
    let folder = owned(folder, "etcd");
    let log = fs::File::create(folder.join("log")).unwrap();
    let [clients, peers] = [clients, peers].map(|port| format!("http://127.0.0.1:{port}"));
    let mut command = unprivileged(&folder, Path::new("etcd"));
    if is_old() {
        command.arg("--enable-v2");
    }
    command
        .args(["--name", "etcd", "--data-dir", "data"])
        .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
        .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
        .args(["--initial-cluster", &format!("etcd={peers}")]);
    command.stderr(log.try_clone().unwrap()).stdout(log).spawn().unwrap()
}

/// A folder in another, with the same owner.
fn owned(parent: &Path, name: &str) -> PathBuf {
    use std::os::unix::fs::{MetadataExt, chown};
    let folder = parent.join(name);
    fs::create_dir(&folder).unwrap();
    let owner = fs::metadata(parent).unwrap();
    chown(&folder, Some(owner.uid()), Some(owner.gid())).unwrap();
    folder
}

/// Ports that nobody had a moment ago, on any address.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("0.0.0.0:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn is_stopped(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    // One that has ended does nothing any more, either.
    !matches!(state, Some('R' | 'S' | 'D'))
}
