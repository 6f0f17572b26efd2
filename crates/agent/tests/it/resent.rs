//! Requests whose connection breaks before an answer.

use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tollgate_agent::Limits;

use crate::caller::{Message, Wire};
use crate::fixture::Running;
use crate::tokens::Tokens;
use crate::upstream::{Upstream, answer, invalid_token};

/// Makes a call by which a connection is made and kept. What the caller and the upstream have of it.
async fn connected(
    agent: &Running,
    connections: &mut UnboundedReceiver<Wire<TcpStream>>,
) -> (Wire<TcpStream>, Wire<TcpStream>) {
    let mut caller = agent.tcp().await;
    caller.send(agent.head("GET /first", "")).await;
    let mut upstream = connections.recv().await.unwrap();
    upstream.request().await.unwrap();
    upstream.send(answer(200, &[], "first")).await;
    assert_eq!(caller.answer("GET").await.body, b"first");
    (caller, upstream)
}

/// A request that was sent by a connection that was kept, and that closed when it had arrived.
struct Broken {
    caller: Wire<TcpStream>,
    first: Message,
    /// Those by which it may arrive again.
    connections: UnboundedReceiver<Wire<TcpStream>>,
    _running: (Running, Upstream),
}

impl Broken {
    async fn new(line: &str, more: &str, body: &str) -> Self {
        let (upstream, mut connections) = Upstream::by_hand().await;
        let agent = Running::start(&upstream.url()).await;
        let (mut caller, mut kept) = connected(&agent, &mut connections).await;
        let length = format!("content-length: {}\r\n", body.len());
        caller.send(agent.head(line, &(length + more)) + body).await;
        let first = kept.request().await.unwrap();
        Self { caller, first, connections, _running: (agent, upstream) }
    }

    /// The connection by which it is sent again, and what arrives there.
    async fn again(&mut self) -> (Wire<TcpStream>, Message) {
        let mut fresh = self.connections.recv().await.unwrap();
        let again = fresh.request().await.unwrap();
        (fresh, again)
    }
}

#[tokio::test]
async fn a_request_that_may_arrive_twice_is_sent_again_as_it_was() {
    for (line, more) in
        [("POST /pay", ""), ("PUT /x", ""), ("DELETE /x", ""), ("PATCH /x", "idempotency-key: mine\r\n")]
    {
        let mut broken = Broken::new(line, more, "hello").await;
        let (mut fresh, again) = broken.again().await;
        let first = &broken.first;
        assert_eq!((&again.line, &again.head, &again.body), (&first.line, &first.head, &first.body));
        assert_eq!(again.header("idempotency-key").is_some(), line.starts_with('P') && line != "PUT /x");
        fresh.send(answer(201, &[], "done")).await;
        let answer = broken.caller.answer("POST").await;
        assert_eq!((answer.status(), answer.body.as_slice()), (201, &b"done"[..]), "{line}");
    }
}

#[tokio::test]
async fn a_request_that_may_not_arrive_twice_or_is_too_long_to_be_kept_is_sent_once() {
    let long = "x".repeat(64 * 1024 + 1);
    for (line, body) in [("PATCH /x", "hello"), ("POST /x", &long)] {
        let mut broken = Broken::new(line, "", body).await;
        let answer = broken.caller.answer("POST").await;
        assert_eq!(answer.refusal(), (502, "upstream", "UNAVAILABLE".to_owned()), "{line}");
        assert!(broken.connections.try_recv().is_err());
    }
}

#[tokio::test]
async fn it_is_sent_again_only_once() {
    let mut broken = Broken::new("POST /pay", "", "hello").await;
    drop(broken.again().await);
    let answer = broken.caller.answer("POST").await;
    assert_eq!(answer.refusal(), (502, "upstream", "UNAVAILABLE".to_owned()));
    assert_eq!(answer.header("idempotency-key"), broken.first.header("idempotency-key"));
    assert!(broken.connections.try_recv().is_err());
}

#[tokio::test]
async fn a_token_that_is_refused_when_it_was_sent_again_is_still_replaced() {
    let mut broken = Broken::new("POST /pay", "", "hello").await;
    let (mut fresh, _) = broken.again().await;
    fresh.send(invalid_token()).await;
    let (mut fresh, last) = broken.again().await;
    fresh.send(answer(200, &[], "done")).await;
    assert_eq!(broken.caller.answer("POST").await.status(), 200);
    assert_eq!(last.body, b"hello");
    assert_eq!(last.header("authorization"), Some("Bearer access-2"));
    assert_eq!(last.header("idempotency-key"), broken.first.header("idempotency-key"));
}

/// The other machine goes silent: its kernel takes a few bytes, and no more.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_kept_connection_that_has_gone_silent_is_given_up_and_the_others_with_it() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2_048).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(64).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut limits = Limits::default();
    limits.upstream.acknowledged = Duration::from_millis(300);
    let agent = Running::start_with(&url, Tokens::default(), limits).await;

    let mut caller = agent.tcp().await;
    caller.send(agent.head("GET /first", "")).await;
    let mut kept = Wire::of(listener.accept().await.unwrap().0);
    kept.request().await.unwrap();
    kept.send(answer(200, &[], "first")).await;
    assert_eq!(caller.answer("GET").await.body, b"first");

    let body = "x".repeat(60_000);
    caller.send(agent.head("POST /pay", "content-length: 60000\r\n") + &body).await;
    let mut fresh = Wire::of(listener.accept().await.unwrap().0);
    assert_eq!(fresh.request().await.unwrap().body.len(), 60_000);
    fresh.send(answer(201, &[], "done")).await;
    assert_eq!(caller.answer("POST").await.status(), 201);
    drop(kept);
}
