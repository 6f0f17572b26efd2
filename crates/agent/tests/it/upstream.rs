//! An upstream as plain as HTTP/1.1 can be read by hand, so that tests see the bytes that it got.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::caller::{Message, Wire};

/// A server that runs until it is dropped.
pub(crate) struct Upstream {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Message>>>,
    task: JoinHandle<()>,
}

impl Upstream {
    /// Answers each request with the bytes that `script` makes.
    pub(crate) async fn start(script: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let (script, seen) = (Arc::new(script), Arc::<Mutex<Vec<Message>>>::default());
        let log = seen.clone();
        let (address, task) = accept(move |stream| {
            let (script, log) = (script.clone(), log.clone());
            tokio::spawn(async move {
                let mut wire = Wire::of(stream);
                while let Some(message) = wire.request().await {
                    log.lock().unwrap().push(message.clone());
                    let answer = script(&message);
                    if answer.is_empty() {
                        return;
                    }
                    wire.send(&answer).await;
                }
            });
        })
        .await;
        Self { address, seen, task }
    }

    /// Answers everything with 200.
    pub(crate) async fn good() -> Self {
        Self::start(|_| answer(200, &[], "fine")).await
    }

    /// Hands out its connections.
    pub(crate) async fn by_hand() -> (Self, mpsc::UnboundedReceiver<Wire<TcpStream>>) {
        let (sender, connections) = mpsc::unbounded_channel();
        let (address, task) = accept(move |stream| _ = sender.send(Wire::of(stream))).await;
        (Self { address, seen: Arc::default(), task }, connections)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(mut take: impl FnMut(TcpStream) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        loop {
            take(listener.accept().await.unwrap().0);
        }
    });
    (address, task)
}

/// An answer with a length.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.extend([*name, ": ", *value, "\r\n"]);
    }
    format!("{head}\r\n{body}").into_bytes()
}

/// What the guard answers to a token that it does not accept.
pub(crate) fn invalid_token() -> Vec<u8> {
    answer(401, &[("www-authenticate", "Bearer error=\"invalid_token\"")], "refused")
}
