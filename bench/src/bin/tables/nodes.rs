//! Several servers on one PostgreSQL.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tollgate_admin::{AuditTrail, NewKey, new_signing_key};
use tollgate_bench::credentials::{self, Credentials};
use tollgate_bench::figures::Figures;
use tollgate_bench::plain::Connection;
use tollgate_bench::stats::{median, percentile};
use tollgate_bench::{message, plain, process};
use tollgate_clock::SystemClock;
use tollgate_core::{ClientId, Clock, Environment, SecretId};
use tollgate_keys::{ClientSecret, MasterKey};
use tollgate_store::{Act, Actor, Clients as _, Draft, Keys as _, Object, Secret, Status};
use tollgate_store_postgres::{Postgres, PostgresOptions};

use crate::document::{count, table};
use crate::postgres_server::{Database, Server};
use crate::servers::{Setup, Tollgate, free_address, sqlite_url, succeed};

pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let changes = if setup.quick { 10 } else { 200 };
    let folder = setup.folder()?;
    let data = folder.path();
    setup.seed(data, changes)?;
    // As it ships: what is committed is on the disk.
    let server = Server::start("-c listen_addresses= -c fsync=on", |_| {});
    let database = server.database();
    copy(setup, data, &database)?;
    Ok(vec![
        ("propagation", propagation(setup, data, &database, changes)?),
        ("nodes", costs(setup, data, &database)?),
    ])
}

/// Fills the database with what `seed` has made.
fn copy(setup: &Setup, data: &Path, database: &Database) -> io::Result<()> {
    // The environment says it all.
    std::fs::write(data.join("tollgate.toml"), "")?;
    let mut copy = Command::new(setup.program("tollgate"));
    copy.current_dir(data)
        .args(["store", "copy", "--config", "tollgate.toml", "--to", &database.url])
        .env("TOLLGATE_MASTER_KEY", format!("file:{}", data.join("master.key").display()))
        .env("TOLLGATE_DATABASE__URL", sqlite_url(data));
    succeed(&mut copy).map(drop)
}

/// Starts servers that take each other's tokens.
fn nodes(setup: &Setup, data: &Path, database: &Database, count: usize) -> io::Result<Vec<Tollgate>> {
    let apis: Vec<SocketAddr> = (0..count).map(|_| free_address()).collect::<io::Result<_>>()?;
    let public_url = format!("http://{}", apis[0]);
    apis.iter().map(|api| setup.node(data, &database.url, *api, &public_url, true)).collect()
}

fn propagation(setup: &Setup, data: &Path, database: &Database, changes: usize) -> io::Result<String> {
    let nodes = nodes(setup, data, database, 2)?;
    let clients = credentials::read(&data.join("clients.txt"), changes)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut stage = Propagation {
        store: runtime.block_on(Postgres::open(options(database)?)).map_err(io::Error::other)?,
        runtime,
        master_key: std::fs::read_to_string(data.join("master.key"))?.parse().map_err(io::Error::other)?,
        one: nodes[0].api,
        other: Connection::open(nodes[1].api)?,
        other_api: nodes[1].api,
    };
    let mut rows = Vec::new();
    let kinds: [(&str, Change); 5] = [
        ("token revoked", Propagation::revoke_token),
        ("secret created", Propagation::create_secret),
        ("secret revoked", Propagation::revoke_secret),
        ("client disabled", Propagation::disable_client),
        ("signing key replaced", Propagation::replace_key),
    ];
    for (name, change) in kinds {
        let mut millis = Vec::new();
        for client in &clients {
            millis.push(change(&mut stage, client)?.as_secs_f64() * 1e3);
        }
        let shown = |percent| format!("{:.0} ms", percentile(&millis, percent));
        eprintln!("  {name}: p50 {}, p99 {}", shown(50), shown(99));
        rows.push(vec![name.to_owned(), millis.len().to_string(), shown(50), shown(99), shown(100)]);
    }
    Ok(table(&["change", "times", "p50", "p99", "max"], &rows))
}

fn options(database: &Database) -> io::Result<PostgresOptions> {
    Ok(PostgresOptions {
        address: database.url.parse().map_err(io::Error::other)?,
        pool_size: 2,
        connect_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(5),
    })
}

/// Makes a change, and says how long it took until the other server acted on it.
type Change = fn(&mut Propagation, &Credentials) -> io::Result<Duration>;

/// Two servers, and the store as a command has it open.
struct Propagation {
    runtime: Runtime,
    store: Postgres,
    master_key: MasterKey,
    one: SocketAddr,
    other: Connection,
    other_api: SocketAddr,
}

impl Propagation {
    fn revoke_token(&mut self, client: &Credentials) -> io::Result<Duration> {
        let token = self.good_token(client)?;
        let started = at_any_time();
        let done = plain::ask(self.one, &message::revoke(client, &token))?;
        if done.head.status != 200 {
            return Err(io::Error::other(format!("not revoked: {}", done.head.status)));
        }
        self.until(&message::list(&token), 401, started)
    }

    fn create_secret(&mut self, client: &Credentials) -> io::Result<Duration> {
        let (secret, value) = self.draw(client)?;
        let new = Credentials { client_secret: value, ..client.clone() };
        // The other server has the client in memory, without the new secret.
        self.good_token(client)?;
        let started = at_any_time();
        self.add(client, &secret)?;
        self.until(&message::token(&new), 200, started)
    }

    fn revoke_secret(&mut self, client: &Credentials) -> io::Result<Duration> {
        let (secret, value) = self.draw(client)?;
        let new = Credentials { client_secret: value, ..client.clone() };
        self.add(client, &secret)?;
        self.until(&message::token(&new), 200, Instant::now())?;
        let token = self.good_token(&new)?;
        let (id, now) = (id(client)?, SystemClock.now());
        let started = at_any_time();
        self.act(async |store| store.revoke_secret(id, secret.id, now, &self.changes()).await.map(drop))?;
        self.until(&message::list(&token), 401, started)
    }

    fn disable_client(&mut self, client: &Credentials) -> io::Result<Duration> {
        let token = self.good_token(client)?;
        let (id, now) = (id(client)?, SystemClock.now());
        let started = at_any_time();
        self.act(async |store| {
            store.set_client_status(id, Status::Disabled, now, &self.changes()).await.map(drop)
        })?;
        let took = self.until(&message::list(&token), 401, started)?;
        // For the changes that follow.
        self.act(async |store| {
            store.set_client_status(id, Status::Enabled, now, &self.changes()).await.map(drop)
        })?;
        self.until(&message::token(client), 200, started)?;
        Ok(took)
    }

    /// As `tollgate key rotate --compromised` does.
    fn replace_key(&mut self, client: &Credentials) -> io::Result<Duration> {
        let token = self.good_token(client)?;
        let now = SystemClock.now();
        let making = new_signing_key(&self.master_key, NewKey::hs256(now, now));
        let key = self.runtime.block_on(making).map_err(io::Error::other)?;
        let started = at_any_time();
        self.act(async |store| store.replace_signing_keys(&key, &self.changes()).await)?;
        self.until(&message::list(&token), 401, started)
    }

    /// A token that the other server takes.
    fn good_token(&mut self, client: &Credentials) -> io::Result<String> {
        let token = plain::token(self.other_api, client)?.data("access_token")?;
        self.until(&message::list(&token), 200, Instant::now())?;
        Ok(token)
    }

    /// Asks the other server until it answers with a status.
    fn until(&mut self, request: &[u8], status: u16, started: Instant) -> io::Result<Duration> {
        loop {
            if self.other.ask(request)?.head.status == status {
                return Ok(started.elapsed());
            }
            if started.elapsed() > Duration::from_secs(30) {
                return Err(io::Error::other(format!("waited in vain for {status}")));
            }
            thread::sleep(Duration::from_micros(500));
        }
    }

    /// The act that every change is recorded as.
    fn changes(&self) -> Act {
        let record = Draft::new(SystemClock.now(), Actor::system(), "benchmark", Object::Store);
        AuditTrail::new(self.master_key.trail_key()).act(record)
    }

    fn draw(&self, client: &Credentials) -> io::Result<(Secret, String)> {
        let mut rng = rand::rng();
        let value = ClientSecret::generate(Environment::Test, &mut rng);
        let hash = self.master_key.secret_hasher().hash(id(client)?, value.expose_secret().as_bytes());
        let now = SystemClock.now();
        let secret = Secret {
            id: SecretId::random(&mut rng),
            hash,
            slow_hash: None,
            created_at: now,
            expires_at: None,
            revoked_at: None,
        };
        Ok((secret, value.expose_secret().to_owned()))
    }

    fn add(&self, client: &Credentials, secret: &Secret) -> io::Result<()> {
        let id = id(client)?;
        self.act(async |store| {
            store.add_secret(id, secret, None, SystemClock.now(), &self.changes()).await.map(drop)
        })
    }

    fn act(
        &self,
        act: impl AsyncFnOnce(&Postgres) -> Result<(), tollgate_store::StoreError>,
    ) -> io::Result<()> {
        self.runtime.block_on(act(&self.store)).map_err(io::Error::other)
    }
}

/// Whoever has just seen a change knows when the log was read: the next change must not begin right after that.
fn at_any_time() -> Instant {
    thread::sleep(Duration::from_millis(rand::random_range(0..250)));
    Instant::now()
}

fn id(client: &Credentials) -> io::Result<ClientId> {
    client.client_id.parse().map_err(io::Error::other)
}

/// What a token request costs each of several servers.
fn costs(setup: &Setup, data: &Path, database: &Database) -> io::Result<String> {
    let mut rows = Vec::new();
    for number in 1..=3 {
        let nodes = nodes(setup, data, database, number)?;
        let (mut rates, mut micros) = (Vec::new(), vec![Vec::new(); number]);
        for _ in 0..setup.rounds {
            let runs: Vec<(Figures, f64)> = thread::scope(|scope| {
                let runs: Vec<_> = nodes.iter().map(|node| scope.spawn(|| cost(setup, data, node))).collect();
                runs.into_iter().map(|run| run.join().expect("no load panics")).collect::<io::Result<_>>()
            })?;
            rates.push(runs.iter().map(|(figures, _)| figures.per_second).sum());
            for ((_, cost), micros) in runs.into_iter().zip(&mut micros) {
                micros.push(cost);
            }
        }
        let each: Vec<String> =
            micros.into_iter().map(|micros| format!("{:.1} µs", median(micros))).collect();
        rows.push(vec![number.to_string(), count(median(rates)), each.join(", ")]);
    }
    Ok(table(&["servers", "tokens/s, all together", "processor time of one, at each server"], &rows))
}

/// Loads a server with token requests; returns its processor time for one of them, too, in microseconds.
fn cost(setup: &Setup, data: &Path, node: &Tollgate) -> io::Result<(Figures, f64)> {
    let used = || process::cpu_seconds(&node.process.id().to_string());
    let before = used()?;
    let figures = setup.load(node.api, data, &["--set", "token", "--connections", "8"])?;
    let micros = (used()? - before) * 1e6 / figures.sent as f64;
    Ok((figures, micros))
}
