//! Starting what is measured, each program on its core, and loading it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate_bench::credentials::{self, Credentials};
use tollgate_bench::figures::Figures;
use tollgate_bench::plain;

use crate::Args;

/// How the benchmarks are run.
pub(crate) struct Setup {
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) server_core: usize,
    pub(crate) load_core: usize,
    bin: PathBuf,
}

impl Setup {
    pub(crate) fn new(args: &Args) -> io::Result<Self> {
        Ok(Self {
            quick: args.quick,
            rounds: if args.quick { 1 } else { args.rounds },
            time: if args.quick { Duration::from_secs(1) } else { args.time },
            warm_up: Duration::from_millis(if args.quick { 200 } else { 1_000 }),
            server_core: args.server_core,
            load_core: args.load_core,
            bin: fs::canonicalize(&args.bin)?,
        })
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// A folder on the disk that the programs were built on: temporary files may be in memory.
    pub(crate) fn folder(&self) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix("bench-").tempdir_in(&self.bin)
    }

    /// Runs `program` on a core.
    pub(crate) fn pinned(&self, core: usize, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("taskset");
        command.arg("-c").arg(core.to_string()).arg(program);
        command.current_dir(&self.bin).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Makes a store with `clients` clients in `data`.
    pub(crate) fn seed(&self, data: &Path, clients: usize) -> io::Result<()> {
        self.seed_with(data, clients, &[])
    }

    /// Makes a store with clients as `args` say.
    pub(crate) fn seed_with(&self, data: &Path, clients: usize, args: &[&str]) -> io::Result<()> {
        let mut seed = Command::new(self.program("seed"));
        seed.arg("--data").arg(data).args(["--clients", &clients.to_string()]).args(args);
        succeed(&mut seed).map(drop)
    }

    /// Copies the store in `data` into an empty database.
    pub(crate) fn copy_store(&self, data: &Path, url: &str) -> io::Result<()> {
        // The command wants a file, and all that it needs is in the environment.
        let config = data.join("copy.toml");
        fs::write(&config, "")?;
        let mut copy = Command::new(self.program("tollgate"));
        copy.args(["store", "copy", "--to", url]).arg("--config").arg(&config);
        copy.env("TOLLGATE_DATABASE__URL", sqlite_url(data));
        succeed(&mut copy).map(drop)
    }

    /// Starts `tollgate serve` on the store in `data`, with a line for each request or without.
    pub(crate) fn tollgate(&self, data: &Path, log: bool) -> io::Result<Tollgate> {
        let api = free_address()?;
        self.node(data, &sqlite_url(data), api, &format!("http://{api}"), log)
    }

    /// Starts `tollgate serve` on the store in `data` with further settings.
    pub(crate) fn tollgate_with(&self, data: &Path, more: &[(&str, &str)]) -> io::Result<Tollgate> {
        let api = free_address()?;
        let settings = settings(data, &sqlite_url(data), &format!("http://{api}"));
        self.serve(data, api, settings.into_iter().chain(owned(more)), false)
    }

    /// Runs a command of `tollgate` beside a server, with the same settings.
    pub(crate) fn administer(
        &self,
        server: &Tollgate,
        more: &[(&str, &str)],
        args: &[&str],
    ) -> io::Result<Vec<u8>> {
        let data = &server.data;
        // The command wants a file, and all that it needs is in the environment.
        let config = data.join("administer.toml");
        fs::write(&config, "")?;
        let settings = settings(data, &sqlite_url(data), &format!("http://{}", server.api));
        let mut command = Command::new(self.program("tollgate"));
        command.args(args).arg("--config").arg(&config).envs(settings).envs(owned(more));
        succeed(&mut command)
    }

    /// Starts `tollgate serve` at an address, on a store of which others may serve as well, with the key in `data`.
    pub(crate) fn node(
        &self,
        data: &Path,
        store: &str,
        api: SocketAddr,
        public_url: &str,
        log: bool,
    ) -> io::Result<Tollgate> {
        self.serve(data, api, settings(data, store, public_url), log)
    }

    fn serve(
        &self,
        data: &Path,
        api: SocketAddr,
        settings: impl IntoIterator<Item = (String, String)>,
        log: bool,
    ) -> io::Result<Tollgate> {
        let admin = free_address()?;
        let mut serve = self.pinned(self.server_core, self.program("tollgate"));
        serve
            .arg("serve")
            .envs(settings)
            .env("TOLLGATE_LISTEN", api.to_string())
            .env("TOLLGATE_ADMIN_LISTEN", admin.to_string())
            .env("TOLLGATE_SANDBOX", "true")
            // What is refused is measured too, and not the throttle.
            .env("TOLLGATE_LIMITS__AUTH_FAILURES", "80000000/d")
            .env("TOLLGATE_LIMITS__SOURCE_AUTH_FAILURES", "off")
            .env("TOLLGATE_LOG__REQUESTS", log.to_string());
        let started = Instant::now();
        let process = Running::start(&mut serve)?;
        let ready = || plain::status(admin, "/readyz").is_ok_and(|status| status == 200);
        wait_until("tollgate is ready", Duration::from_micros(500), ready)?;
        Ok(Tollgate { process, api, data: data.to_owned(), ready_after: started.elapsed() })
    }

    /// Starts a floor that answers like `like`.
    pub(crate) fn floor(&self, data: &Path, like: &plain::Answer, args: &[&str]) -> io::Result<Floor> {
        let address = free_address()?;
        let answer = data.join(format!("answer-{}", address.port()));
        fs::write(&answer, &like.bytes)?;
        let mut floor = self.pinned(self.server_core, self.program("floor"));
        floor.args(["--listen", &address.to_string()]).arg("--answer").arg(&answer).args(args);
        listening(address, &mut floor)
    }

    /// Starts a proxy without tokens in front of a floor.
    pub(crate) fn proxy(&self, upstream: SocketAddr) -> io::Result<Floor> {
        let address = free_address()?;
        let mut proxy = self.pinned(self.server_core, self.program("proxy"));
        proxy.args(["--listen", &address.to_string(), "--upstream", &upstream.to_string()]);
        listening(address, &mut proxy)
    }

    /// Starts the agent in front of a floor, with tokens of `authority`.
    pub(crate) fn agent(&self, authority: &Tollgate, upstream: SocketAddr) -> io::Result<Floor> {
        let address = free_address()?;
        let client = authority.client()?;
        let mut agent = self.pinned(self.server_core, self.program("tollgate"));
        agent
            .args(["agent", "--listen", &address.to_string(), "--upstream", &format!("http://{upstream}")])
            .env("TOLLGATE_BASE_URL", format!("http://{}", authority.api))
            .env("TOLLGATE_CLIENT_ID", client.client_id)
            .env("TOLLGATE_CLIENT_SECRET", client.client_secret);
        listening(address, &mut agent)
    }

    /// Loads a server; `args` say with what.
    pub(crate) fn load(&self, address: SocketAddr, data: &Path, args: &[&str]) -> io::Result<Figures> {
        let mut load = self.pinned(self.load_core, self.program("load"));
        load.args(["--address", &address.to_string(), "--credentials"])
            .arg(data.join("clients.txt"))
            .args(["--warm-up", &humantime::format_duration(self.warm_up).to_string()])
            .args(["--time", &humantime::format_duration(self.time).to_string()])
            .args(args);
        let figures: Figures = serde_json::from_slice(&succeed(&mut load)?)?;
        eprintln!(
            "  {} {}: {:.0}/s, p50 {:.0} µs, p99 {:.0} µs, load {:.1} µs, {:?}",
            address.port(),
            args.join(" "),
            figures.per_second,
            figures.latency.p50,
            figures.latency.p99,
            figures.own_micros,
            figures.statuses
        );
        Ok(figures)
    }
}

pub(crate) fn sqlite_url(data: &Path) -> String {
    format!("sqlite:{}", data.join("tollgate.db").display())
}

/// What a server and the commands beside it must agree on.
fn settings(data: &Path, store: &str, public_url: &str) -> Vec<(String, String)> {
    let master_key = format!("file:{}", data.join("master.key").display());
    owned(&[
        ("TOLLGATE_PUBLIC_URL", public_url),
        ("TOLLGATE_MASTER_KEY", &master_key),
        ("TOLLGATE_DATABASE__URL", store),
    ])
    .collect()
}

fn owned(settings: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}

/// Starts what will listen there.
fn listening(address: SocketAddr, command: &mut Command) -> io::Result<Floor> {
    let process = Running::start(command)?;
    wait_until("it listens", Duration::from_millis(1), || TcpStream::connect(address).is_ok())?;
    Ok(Floor { process, address })
}

/// Runs a command to its end, and returns what it printed.
pub(crate) fn succeed(command: &mut Command) -> io::Result<Vec<u8>> {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).output()?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(io::Error::other(format!("{} failed: {}", command.get_program().display(), output.status)))
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Polls until something holds.
pub(crate) fn wait_until(what: &str, pause: Duration, mut holds: impl FnMut() -> bool) -> io::Result<()> {
    let started = Instant::now();
    while !holds() {
        if started.elapsed() > Duration::from_secs(60) {
            return Err(io::Error::other(format!("waited in vain until {what}")));
        }
        thread::sleep(pause);
    }
    Ok(())
}

/// A process that ends with this value.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        // Whoever starts it reads nothing of it.
        command.stderr(
            File::options().append(true).open("/dev/stderr").map_or_else(|_| Stdio::null(), Stdio::from),
        );
        command.spawn().map(Self)
    }

    /// `taskset` becomes the program that it starts, so this is the program's.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The real server.
pub(crate) struct Tollgate {
    pub(crate) process: Running,
    pub(crate) api: SocketAddr,
    pub(crate) data: PathBuf,
    /// From its start to its readiness.
    pub(crate) ready_after: Duration,
}

impl Tollgate {
    /// The first client of its store.
    pub(crate) fn client(&self) -> io::Result<Credentials> {
        let first = credentials::read(&self.data.join("clients.txt"), 1)?.into_iter().next();
        first.ok_or_else(|| io::Error::other("the store has no clients"))
    }
}

/// A floor, or what stands in front of one.
pub(crate) struct Floor {
    pub(crate) process: Running,
    pub(crate) address: SocketAddr,
}
