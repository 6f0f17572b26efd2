//! A program that calls the API through the agent, which runs in the same process so that it has the scenario's clock.

use std::future::pending;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Either, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tollgate_agent::{Agent, Limits, Upstream};
use tollgate_client::Cached;
use tollgate_edge::EndpointListener;

use crate::described::Described;
use crate::pieces::pieces;
use crate::play::{Call, Outcome, Played};
use crate::relay::Relay;

const SOCKET: &str = "agent.sock";

/// Calls by a socket in the file system, on which what is written is there at once.
#[derive(Clone)]
pub(crate) struct Calling {
    folder: Arc<TempDir>,
    cached: Cached,
    _running: Arc<(Running, Running)>,
}

/// A task that ends with this.
pub(crate) struct Running(JoinHandle<()>);

impl Running {
    pub(crate) fn start(runtime: &Runtime, task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(runtime.spawn(task))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Played for Calling {
    fn new(described: Described, runtime: &Runtime) -> Self {
        let Described { caller, credentials, settings, new } = described;
        let cached = Cached::new(credentials, settings);
        let relay = runtime.block_on(Relay::to(caller.base_url()));
        let upstream = Upstream::new(&relay.url()).unwrap();
        let agent = Agent::new(upstream, cached.clone(), Limits::default()).unwrap();
        assert_eq!(new.variant, "socket");
        let folder = tempfile::tempdir().unwrap();
        let endpoint = format!("unix:{}", folder.path().join(SOCKET).display()).parse().unwrap();
        let listener = runtime.block_on(EndpointListener::bind(&endpoint)).unwrap();
        let serving = async move {
            agent.serve(vec![listener], None, pending()).await;
        };
        let running = (Running::start(runtime, relay.run()), Running::start(runtime, serving));
        Self { folder: Arc::new(folder), cached, _running: Arc::new(running) }
    }

    async fn call(&self, call: &Call) -> Outcome {
        let bytes = Bytes::from(call.body.clone().unwrap_or_default());
        let body = if call.stream { Either::Right(pieces(bytes)) } else { Either::Left(Full::new(bytes)) };
        let request = Request::builder().method(call.method.as_str()).uri(&call.path);
        let request =
            request.header(HOST, "api").header(CONTENT_TYPE, "application/json").body(body).unwrap();
        let stream = UnixStream::connect(self.folder.path().join(SOCKET)).await.unwrap();
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.unwrap();
        let (head, body) = answer.into_parts();
        body.collect().await.unwrap();
        match head.headers.get("tollgate-agent-error") {
            Some(kind) if kind == "no_token" => Outcome::of("unavailable"),
            Some(kind) => Outcome::of(kind.to_str().unwrap()),
            None => Outcome::of(head.status.as_str()),
        }
    }

    fn cached(&self) -> &Cached {
        &self.cached
    }

    fn shown(&self) -> String {
        format!("{:?} {:?}", self.cached.state(), self.cached.authorization())
    }
}
