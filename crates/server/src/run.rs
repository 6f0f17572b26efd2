//! Running a server: its listeners, its background tasks, and how it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tollgate_config::Config;
use tollgate_edge::{Drained, Edge, Limits};
use tollgate_installation::{Follower, Following, Installation, Rotation, Task, Watcher};
use tollgate_store::Outcome;

use crate::answering::{Answering, serve};
use crate::limits::limits;
use crate::listeners::{Listeners, Socket};
use crate::open_files::open_files;
use crate::server::Server;
use crate::streaming::Streaming;
use crate::uses;

/// The TLS configurations of the listeners; `None` for plain HTTP.
#[derive(Clone, Default)]
pub struct Tls {
    /// The listener of the API.
    pub api: Option<Arc<rustls::ServerConfig>>,
    /// The listener of the administration, with health and metrics.
    pub admin: Option<Arc<rustls::ServerConfig>>,
}

/// How long a server that ends waits to tell the others: an unreachable store must not hold it up.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves until `shutdown` completes, then drains: readiness goes off, running requests are finished, and those that have not ended
/// after the grace period are cut off.
pub async fn run(
    server: Arc<Server>,
    listeners: Listeners,
    tls: Tls,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Drained {
    let open = server.state().connections().clone();
    warn_of_few_files(server.state().config());
    let (stop, stopped) = watch::channel(());
    let beside = Beside::start(&server, &stopped);
    let note = |act, what| server.state().installation().note_event(act, Outcome::Done, &what);
    note("server.start", about_start(server.state().config()));
    let serve_admin = |socket| serve_admin(server.clone(), socket, tls.admin, stopped);
    let admin = listeners.admin.map(|socket| tokio::spawn(serve_admin(socket)));
    let draining = {
        let server = server.clone();
        async move {
            shutdown.await;
            server.start_draining();
            let lame_duck = server.state().settings().shutdown.lame_duck;
            if !lame_duck.is_zero() {
                tracing::info!(?lame_duck, "not ready, and going on until a load balancer has noticed");
                tokio::time::sleep(lame_duck).await;
            }
        }
    };
    let sources = server.state().limiters().connections.clone();
    let (now, later) =
        (server.state().edge_limits().borrow().clone(), server.state().edge_limits().subscribe());
    let Socket { listener, is_given } = listeners.api;
    let edge = Edge::new(now).follow(later).tls(tls.api).count_in(open).limit_sources(sources);
    let answering = Answering::Api(server.clone());
    let drained = serve(edge.leave_queue(is_given), listener, answering, Box::pin(draining)).await;
    note("server.stop", json!({ "completed": drained.completed, "aborted": drained.aborted }));
    // Health is answered to the end, so that monitoring sees the server drain.
    drop(stop);
    if let Some(admin) = admin {
        let _ = admin.await;
    }
    beside.end(server.state().installation()).await;
    drained
}

fn about_start(config: &Config) -> Value {
    json!({ "version": env!("CARGO_PKG_VERSION"), "listen": config.listen.to_string() })
}

/// The tasks that run beside the requests.
struct Beside {
    following: Following,
    watching: JoinHandle<()>,
    /// The tasks that have work to do at the end, in this order.
    finishing: Vec<JoinHandle<()>>,
}

impl Beside {
    /// Starts the tasks, which run until the sender of `stopped` is dropped.
    fn start(server: &Server, stopped: &watch::Receiver<()>) -> Self {
        let state = server.state();
        let installation = state.installation();
        let spawn = |task, work: Pin<Box<dyn Future<Output = ()> + Send>>| {
            tollgate_installation::spawn(task, installation.clone(), work)
        };
        let following = Follower::new(installation.clone()).start();
        let watching = spawn(Task::Watcher, Box::pin(Watcher::new(installation.clone()).run()));
        let recording = installation.clone();
        let (until, rotation) = (stopped.clone(), Rotation::new(installation.clone()));
        let mut finishing = vec![
            spawn(Task::Rotation, Box::pin(rotation.run(stopped.clone()))),
            spawn(Task::Events, Box::pin(async move { recording.record_events(until).await })),
        ];
        let noting = uses::run(state.uses().clone(), installation.clone(), stopped.clone());
        finishing.push(spawn(Task::Uses, Box::pin(noting)));
        for task in server.take_tasks() {
            finishing.push(spawn(Task::Mounted(task.what), (task.run)(state.clone(), stopped.clone())));
        }
        if let Some(streaming) = Streaming::new(installation.clone()) {
            finishing.push(spawn(Task::Streaming, Box::pin(streaming.run(stopped.clone()))));
        }
        Self { following, watching, finishing }
    }

    /// Ends the tasks.
    async fn end(self, installation: &Installation) {
        drop(self.following);
        self.watching.abort();
        let _ = timeout(LAST_WORDS, installation.leave()).await;
        for task in self.finishing {
            let _ = timeout(LAST_WORDS, task).await;
        }
    }
}

/// Warns if there can't be as many connections as configured.
fn warn_of_few_files(config: &Config) {
    let (configured, possible) = (config.limits.max_connections, limits(config).max_connections);
    if possible < configured {
        let files = open_files();
        tracing::warn!(
            configured,
            possible,
            open_files = files,
            "limits.max_connections is beyond the limit of open files: raise that (LimitNOFILE, ulimit -Hn)"
        );
    }
}

async fn serve_admin(
    server: Arc<Server>,
    Socket { listener, is_given }: Socket,
    tls: Option<Arc<rustls::ServerConfig>>,
    mut stopped: watch::Receiver<()>,
) -> Drained {
    let limits = server.state().edge_limits().borrow().clone();
    let max_connections = server.state().config().admin.max_connections;
    // A request for health that is lost here is repeated, and requests to the API wait until this process has ended.
    let settle = Duration::ZERO;
    let edge = Edge::new(Limits { max_connections, settle, ..limits }).tls(tls).leave_queue(is_given);
    let stopped = async move { while stopped.changed().await.is_ok() {} };
    serve(edge, listener, Answering::Admin(server), Box::pin(stopped)).await
}
