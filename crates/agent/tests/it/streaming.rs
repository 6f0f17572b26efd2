//! Bodies stream: nothing waits for the end of a body, and nobody is sent more than they read.

use std::time::Duration;

use tokio::time::timeout;

use crate::fixture::Running;
use crate::upstream::{Upstream, answer};

#[tokio::test]
async fn a_chunk_arrives_before_the_next_is_sent() {
    let (upstream, mut connections) = Upstream::by_hand().await;
    let agent = Running::start(&upstream.url()).await;
    let mut caller = agent.tcp().await;
    caller.send(agent.head("POST /", "transfer-encoding: chunked\r\n")).await;
    let mut upstream = connections.recv().await.unwrap();
    upstream.head().await.unwrap();
    for _ in 0..100 {
        caller.send("5\r\nhello\r\n").await;
        assert_eq!(upstream.chunk().await.unwrap().unwrap(), b"hello");
    }
    // The answer begins before the request has ended.
    upstream.send("HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    assert_eq!(caller.head().await.unwrap().status(), 200);
    for _ in 0..100 {
        upstream.send("2\r\nok\r\n").await;
        assert_eq!(caller.chunk().await.unwrap().unwrap(), b"ok");
        caller.send("5\r\nhello\r\n").await;
        assert_eq!(upstream.chunk().await.unwrap().unwrap(), b"hello");
    }
    caller.send("0\r\n\r\n").await;
    assert_eq!(upstream.chunk().await.unwrap(), None);
    upstream.send("0\r\n\r\n").await;
    assert_eq!(caller.chunk().await.unwrap(), None);
}

/// More than two sockets and the agent between them hold.
const MUCH: usize = 64 << 20;
const PIECE: usize = 64 << 10;

#[tokio::test]
async fn a_caller_that_does_not_read_is_not_sent_everything() {
    let (upstream, mut connections) = Upstream::by_hand().await;
    let agent = Running::start(&upstream.url()).await;
    let mut caller = agent.tcp().await;
    caller.send(agent.head("GET /", "")).await;
    let mut upstream = connections.recv().await.unwrap();
    upstream.head().await.unwrap();
    upstream.send(format!("HTTP/1.1 200 x\r\ncontent-length: {MUCH}\r\n\r\n")).await;
    let writing = tokio::spawn(async move {
        for _ in 0..MUCH / PIECE {
            upstream.send(vec![b'x'; PIECE]).await;
        }
        upstream
    });
    assert_eq!(caller.head().await.unwrap().status(), 200);
    let mut writing = writing;
    assert!(timeout(Duration::from_millis(300), &mut writing).await.is_err(), "the agent took it all");
    assert_eq!(caller.bytes(MUCH).await.unwrap().len(), MUCH);
    writing.await.unwrap();
}

#[tokio::test]
async fn an_upstream_that_does_not_read_is_not_sent_everything() {
    let (upstream, mut connections) = Upstream::by_hand().await;
    let agent = Running::start(&upstream.url()).await;
    let mut caller = agent.tcp().await;
    caller.send(agent.head("POST /", &format!("content-length: {MUCH}\r\n"))).await;
    let mut upstream = connections.recv().await.unwrap();
    upstream.head().await.unwrap();
    let mut writing = tokio::spawn(async move {
        for _ in 0..MUCH / PIECE {
            caller.send(vec![b'x'; PIECE]).await;
        }
        caller
    });
    assert!(timeout(Duration::from_millis(300), &mut writing).await.is_err(), "the agent took it all");
    assert_eq!(upstream.bytes(MUCH).await.unwrap().len(), MUCH);
    upstream.send("HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(writing.await.unwrap().answer("POST").await.status(), 200);
}

#[tokio::test]
async fn a_caller_that_leaves_ends_its_request() {
    let (upstream, mut connections) = Upstream::by_hand().await;
    let agent = Running::start(&upstream.url()).await;
    // Before the answer, in the middle of it, and in the middle of the request's body.
    for (more, answer) in
        [("", ""), ("", "HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\nbegun"), ("content-length: 9\r\n", "")]
    {
        let mut caller = agent.tcp().await;
        caller.send(agent.head("POST /", more) + if more.is_empty() { "" } else { "begun" }).await;
        let mut upstream = connections.recv().await.unwrap();
        upstream.head().await.unwrap();
        upstream.send(answer).await;
        if !answer.is_empty() {
            caller.head().await.unwrap();
        }
        drop(caller);
        assert!(upstream.ends().await);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_caller() {
    let (upstream, mut connections) = Upstream::by_hand().await;
    let agent = Running::start(&upstream.url()).await;
    for framing in ["content-length: 9\r\n\r\nbegun", "transfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n"] {
        let mut caller = agent.tcp().await;
        caller.send(agent.head("GET /", "")).await;
        let mut upstream = connections.recv().await.unwrap();
        upstream.head().await.unwrap();
        upstream.send(format!("HTTP/1.1 200 x\r\n{framing}")).await;
        assert_eq!(caller.head().await.unwrap().status(), 200);
        drop(upstream);
        assert!(caller.bytes(1 << 10).await.is_none(), "an end that is none must not look like one");
    }
}

#[tokio::test]
async fn a_connection_that_switches_to_websocket_passes_bytes_in_both_directions() {
    let (upstream, mut connections) = Upstream::by_hand().await;
    let agent = Running::start(&upstream.url()).await;
    let mut caller = agent.tcp().await;
    let offer = "connection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: a\r\n";
    caller.send(agent.head("GET /stream", offer)).await;
    let mut upstream = connections.recv().await.unwrap();
    let request = upstream.request().await.unwrap();
    assert_eq!(request.line, "GET /stream HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer access-1"));
    assert_eq!(
        (request.header("upgrade"), request.header("connection")),
        (Some("websocket"), Some("upgrade"))
    );
    assert_eq!(request.header("sec-websocket-key"), Some("a"));
    upstream
        .send("HTTP/1.1 101 x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: b\r\n\r\nhi")
        .await;
    let answer = caller.head().await.unwrap();
    assert_eq!(answer.status(), 101);
    assert_eq!((answer.header("upgrade"), answer.header("connection")), (Some("websocket"), Some("upgrade")));
    assert_eq!(answer.header("sec-websocket-accept"), Some("b"));
    assert_eq!(caller.bytes(2).await.unwrap(), b"hi");
    // What looks like HTTP is none.
    caller.send("GET /smuggled HTTP/1.1\r\n\r\n\0").await;
    assert_eq!(upstream.bytes(27).await.unwrap(), b"GET /smuggled HTTP/1.1\r\n\r\n\0");
    upstream.send([0x81, 0]).await;
    assert_eq!(caller.bytes(2).await.unwrap(), [0x81, 0]);
    drop(upstream);
    assert!(caller.ends().await);
}

#[tokio::test]
async fn an_upstream_that_does_not_switch_answers_as_ever() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&upstream.url()).await;
    let mut caller = agent.tcp().await;
    let offer = "connection: upgrade\r\nupgrade: websocket\r\n";
    assert_eq!(caller.call(agent.head("GET /", offer)).await.body, b"fine");
    assert_eq!(caller.call(agent.head("GET /", "")).await.body, b"fine");
}

#[tokio::test]
async fn an_interim_answer_does_not_take_the_place_of_the_answer() {
    let hints = "HTTP/1.1 103 x\r\nlink: </style.css>\r\n\r\n".as_bytes();
    let upstream = Upstream::start(move |_| [hints, &answer(200, &[], "fine")].concat()).await;
    let agent = Running::start(&upstream.url()).await;
    assert_eq!(agent.tcp().await.call(agent.head("GET /", "")).await.body, b"fine");
}
