//! An agent that runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tollgate_agent::{Agent, Limits, Upstream};
use tollgate_client::{Cached, Settings};
use tollgate_edge::{Drained, EndpointListener};
use tollgate_telemetry::Recorder;

use crate::caller::Wire;
use crate::tokens::Tokens;

/// An agent with a listener of each kind and one about itself.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) path: PathBuf,
    pub(crate) admin: SocketAddr,
    pub(crate) cached: Cached,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Drained>,
    folder: TempDir,
}

impl Running {
    pub(crate) async fn start(url: &str) -> Self {
        Self::start_with(url, Tokens::default(), Limits::default()).await
    }

    pub(crate) async fn start_with(url: &str, tokens: Tokens, limits: Limits) -> Self {
        let cached = Cached::new(tokens, Settings::default().wait(Duration::from_millis(200)));
        Self::start_holding(url, cached, limits).await
    }

    pub(crate) async fn start_holding(url: &str, cached: Cached, limits: Limits) -> Self {
        let agent = Agent::new(Upstream::new(url).unwrap(), cached.clone(), limits).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let bind = async |endpoint: &str| EndpointListener::bind(&endpoint.parse().unwrap()).await.unwrap();
        let (tcp, unix) = (bind("127.0.0.1:0").await, bind(&format!("unix:{}", path.display())).await);
        let admin = bind("127.0.0.1:0").await;
        let address = |listener: &EndpointListener| listener.endpoint().address().unwrap();
        let (address, admin_address) = (address(&tcp), address(&admin));
        let (stop, stopped) = oneshot::channel();
        let stopped = async { _ = stopped.await };
        let served = agent.serve(vec![tcp, unix], Some((admin, Recorder::default())), stopped);
        let served = tokio::spawn(served);
        Self { address, path, admin: admin_address, cached, stop, served, folder }
    }

    pub(crate) async fn tcp(&self) -> Wire<TcpStream> {
        Wire::tcp(self.address).await
    }

    pub(crate) async fn unix(&self) -> Wire<UnixStream> {
        Wire::unix(&self.path).await
    }

    /// The head of a request over TCP, with these further lines.
    pub(crate) fn head(&self, line: &str, more: &str) -> String {
        format!("{line} HTTP/1.1\r\nhost: {}\r\nx-tollgate-agent: 1\r\n{more}\r\n", self.address)
    }

    /// Tells it to stop; what it returns comes when it has.
    pub(crate) fn stop(self) -> (JoinHandle<Drained>, TempDir) {
        self.stop.send(()).unwrap();
        (self.served, self.folder)
    }
}
