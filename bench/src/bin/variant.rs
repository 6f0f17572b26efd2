//! The real server on another runtime than it ships with, to choose by: one thread of tokio's multi-threaded runtime
//! each core, or a single-threaded runtime each core whose listeners share a port (`SO_REUSEPORT`). With the feature
//! `mimalloc` it also runs on another allocator.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use clap::{Parser, ValueEnum};
use http::Request;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tollgate_clock::SystemClock;
use tollgate_config::Config;
use tollgate_edge::{Edge, Inbound, Limits};
use tollgate_installation::{Follower, Installation};
use tollgate_keys::MasterKey;
use tollgate_server::{Mounted, Server};
use tollgate_store_sqlite::Sqlite;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(about = "Runs the server on another runtime")]
struct Args {
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// A folder of `seed`.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Which runtime.
    #[arg(long, value_enum)]
    runtime: Runtime,
    /// How many threads serve.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Writes a line for each request.
    #[arg(long)]
    log: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Runtime {
    /// One runtime for all threads, which steal work from each other.
    Multi,
    /// A runtime for each thread.
    Single,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    let environment = [
        ("TOLLGATE_LIMITS__AUTH_FAILURES", "80000000/d"),
        ("TOLLGATE_LIMITS__SOURCE_AUTH_FAILURES", "off"),
        ("TOLLGATE_LOG__FORMAT", "json"),
    ];
    let config = Config::dev(args.listen, &args.data, environment).map_err(io::Error::other)?;
    let log = tollgate_log::init(config.log.format, config.log.level)?;
    let key: MasterKey =
        std::fs::read_to_string(args.data.join("master.key"))?.parse().map_err(io::Error::other)?;
    let store = Arc::new(Sqlite::open_existing(&args.data.join("tollgate.db")).map_err(io::Error::other)?);
    let mut config = config;
    config.log.requests = args.log;

    let first = runtime(args.runtime, args.threads)?;
    let opened = first.block_on(Installation::open(config, store, key, Arc::new(SystemClock)));
    let installation = opened.map_err(io::Error::other)?;
    let server = Server::new(installation.clone(), true, |_| Mounted::default());
    server.log_requests(log.requests());
    let _following = {
        let _entered = first.enter();
        Follower::new(installation.clone()).start()
    };
    match args.runtime {
        Runtime::Multi => first.block_on(serve(&server, listener(args.listen)?)),
        Runtime::Single => {
            for _ in 1..args.threads {
                let (server, listener) = (server.clone(), listener(args.listen)?);
                let own = runtime(Runtime::Single, 1)?;
                thread::spawn(move || own.block_on(serve(&server, listener)));
            }
            first.block_on(serve(&server, listener(args.listen)?))
        }
    }
}

fn runtime(flavour: Runtime, threads: usize) -> io::Result<tokio::runtime::Runtime> {
    match flavour {
        Runtime::Multi => {
            tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
        }
        Runtime::Single => tokio::runtime::Builder::new_current_thread().enable_all().build(),
    }
}

fn listener(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_port(true)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

async fn serve(server: &Arc<Server>, listener: std::net::TcpListener) -> io::Result<()> {
    let make = |peer: SocketAddr| {
        let (server, peer): (Arc<Server>, IpAddr) = (server.clone(), peer.ip());
        tower::service_fn(move |request: Request<Inbound>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.handle(peer, request).await) }
        })
    };
    let listener = TcpListener::from_std(listener)?;
    Edge::new(Limits::default()).serve(listener, make, std::future::pending()).await;
    Ok(())
}
