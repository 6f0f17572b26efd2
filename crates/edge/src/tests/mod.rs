//! Tests of the edge from outside, over loopback sockets, and of its deadlines with a paused clock.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tollgate_http::{BodyError, read_body};
use uuid::Uuid;

use super::admission::Inner;
use super::{Drained, Edge, Inbound, Limits, OpenConnections};

mod accept;
mod deadlines;
mod drain;
mod framing;
mod http1;
mod http2;
mod listeners;
mod tls;
mod unread;

const BODY_LIMIT: usize = 64 * 1024;
const GET: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST: &str = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// A running edge.
struct Server {
    addr: SocketAddr,
    open: OpenConnections,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Drained>,
}

impl Server {
    async fn start<S: Inner + Sync>(limits: Limits, service: S) -> Self {
        Self::start_with(limits, None, service).await
    }

    async fn start_with<S: Inner + Sync>(
        limits: Limits,
        tls: Option<Arc<rustls::ServerConfig>>,
        service: S,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let open = OpenConnections::default();
        let (stop, stopped) = oneshot::channel();
        let edge = Edge::new(limits).tls(tls).count_in(open.clone());
        let served = tokio::spawn(edge.serve(listener, move |_| service.clone(), async {
            let _ = stopped.await;
        }));
        Self { addr, open, stop, served }
    }

    async fn connect(&self) -> Peer<TcpStream> {
        Peer(TcpStream::connect(self.addr).await.unwrap())
    }

    async fn stop(self) -> Drained {
        self.stop.send(()).unwrap();
        self.served.await.unwrap()
    }
}

/// The client's end of a connection. Every wait fails the test after a while instead of hanging it.
struct Peer<Io>(Io);

impl<Io: AsyncRead + AsyncWrite + Unpin> Peer<Io> {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// Reads until the text has arrived.
    async fn expect(&mut self, text: &str) -> String {
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(text) {
            let byte = within(self.0.read_u8()).await.unwrap_or_else(|_| {
                panic!("the connection ended after {:?}", String::from_utf8_lossy(&read))
            });
            read.push(byte);
        }
        String::from_utf8(read).unwrap()
    }

    /// Reads to the end of the connection, which must not be a reset.
    async fn rest(&mut self) -> String {
        let mut read = Vec::new();
        within(self.0.read_to_end(&mut read)).await.unwrap();
        String::from_utf8_lossy(&read).into_owned()
    }

    /// Sends the bytes and reads to the end.
    async fn exchange(&mut self, bytes: impl AsRef<[u8]>) -> String {
        self.send(bytes).await;
        self.rest().await
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(100), future).await.expect("it takes too long")
}

/// Answers with the method, the target and the body it got.
async fn echo(request: Request<Inbound>) -> Result<Response<Full<Bytes>>, Infallible> {
    let line = format!("{} {} ", request.method(), request.uri());
    let body = match read_body(request.into_body(), BODY_LIMIT, Duration::from_secs(10)).await {
        Ok(body) => body,
        Err(error) => {
            let mut response = Response::new(Full::from(error.to_string()));
            *response.status_mut() = match error {
                BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                BodyError::TimedOut => StatusCode::REQUEST_TIMEOUT,
                BodyError::Broken(_) => StatusCode::BAD_REQUEST,
            };
            return Ok(response);
        }
    };
    Ok(Response::new(Full::from([line.as_bytes(), &body].concat())))
}

async fn echo_server() -> Server {
    Server::start(Limits::default(), tower::service_fn(echo)).await
}

/// Checks that `response` is one of the edge's own answers and nothing else, according to the contract.
#[track_caller]
fn assert_refused(response: &str, status: u16, code: &str) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {response:?}"));
    let head = head.to_ascii_lowercase();
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap();
    assert!(status_line.starts_with(&format!("http/1.1 {status} ")), "{response}");
    let headers: std::collections::HashMap<_, _> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["connection"], "close");
    assert_eq!(headers["content-length"], body.len().to_string(), "{response}");
    assert_eq!(Uuid::try_parse(headers["x-request-id"]).unwrap().get_version_num(), 7);
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["success"], false);
    assert_eq!(body["error"]["code"], code);
    assert!(body["error"]["message"].is_string());
}
