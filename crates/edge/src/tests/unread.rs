//! Tests of answers before the whole body was read: none of them costs the caller's next request.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::http2::{
    DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, frame, handshake,
    next_frame, text,
};
use super::{GET, Peer, Server};
use crate::{Inbound, Limits};

const STATUSES: [u16; 8] = [401, 403, 404, 405, 413, 415, 429, 503];
const REST: usize = 1000;
const WAIT: Duration = Duration::from_secs(2);
const CLOSES: &str = "connection: close";

/// Answers with the status in the path without reading the body.
async fn refuse(request: Request<Inbound>) -> Result<Response<Full<Bytes>>, Infallible> {
    let status = request.uri().path().trim_start_matches('/').parse().ok();
    let mut response = Response::new(Full::from("answered"));
    if let Some(status) = status.and_then(|status: u16| StatusCode::from_u16(status).ok()) {
        *response.status_mut() = status;
    }
    Ok(response)
}

async fn server() -> Server {
    let limits = Limits { rest_bytes: REST, rest: WAIT, ..Limits::default() };
    Server::start(limits, tower::service_fn(refuse)).await
}

fn head(status: u16, more: &str) -> String {
    format!("POST /{status} HTTP/1.1\r\nHost: a\r\n{more}\r\n\r\n")
}

async fn assert_kept(peer: &mut Peer<TcpStream>, status: u16) {
    let answer = peer.expect("answered").await;
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(!answer.contains(CLOSES), "{answer}");
}

async fn assert_ended(mut peer: Peer<TcpStream>, status: u16) {
    let answer = peer.rest().await;
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains(CLOSES) && answer.ends_with("answered"), "{answer}");
}

#[tokio::test]
async fn an_early_answer_keeps_the_connection_when_the_body_came_along() {
    let server = server().await;
    let mut peer = server.connect().await;
    for status in STATUSES {
        peer.send(head(status, "Content-Length: 4") + "body").await;
        assert_kept(&mut peer, status).await;
        peer.send(head(status, "Transfer-Encoding: chunked") + "4\r\nbody\r\n0\r\n\r\n").await;
        assert_kept(&mut peer, status).await;
    }
    peer.send(GET).await;
    assert_kept(&mut peer, 200).await;
}

#[tokio::test]
async fn an_early_answer_keeps_the_connection_when_the_body_comes_later() {
    let server = server().await;
    let mut peer = server.connect().await;
    for status in STATUSES {
        peer.send(head(status, "Content-Length: 1000")).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        peer.send("x".repeat(1000)).await;
        assert_kept(&mut peer, status).await;
    }
    peer.send(GET).await;
    assert_kept(&mut peer, 200).await;
}

#[tokio::test]
async fn it_does_not_matter_where_the_request_is_cut() {
    let server = server().await;
    let mut peer = server.connect().await;
    peer.0.set_nodelay(true).unwrap();
    let sized = head(401, "Content-Length: 4") + "body";
    let chunked = head(401, "Transfer-Encoding: chunked") + "2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n";
    for request in [sized, chunked] {
        for cut in 1..request.len() {
            let (first, second) = request.split_at(cut);
            peer.send(first).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
            peer.send(second).await;
            assert_kept(&mut peer, 401).await;
        }
    }
}

#[tokio::test]
async fn a_rest_over_the_limit_is_not_read_and_the_answer_says_that_it_is_the_last() {
    let server = server().await;
    for status in STATUSES {
        let mut peer = server.connect().await;
        peer.send(head(status, "Content-Length: 1001")).await;
        assert_ended(peer, status).await;
        let mut peer = server.connect().await;
        let chunk = format!("3e9\r\n{}\r\n", "x".repeat(1001));
        peer.send(head(status, "Transfer-Encoding: chunked") + &chunk).await;
        assert_ended(peer, status).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rest_that_never_comes_is_waited_for_no_longer_than_the_limit() {
    let server = server().await;
    for status in STATUSES {
        let mut peer = server.connect().await;
        peer.send(head(status, "Content-Length: 4") + "bo").await;
        let start = Instant::now();
        let answer = peer.expect("answered").await;
        assert!(answer.contains(CLOSES), "{answer}");
        assert!((WAIT..WAIT + Duration::from_secs(1)).contains(&start.elapsed()), "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_not_asked_for_is_not_waited_for() {
    let server = server().await;
    for status in STATUSES {
        let mut peer = server.connect().await;
        let start = Instant::now();
        peer.send(head(status, "Content-Length: 4\r\nExpect: 100-continue")).await;
        let answer = peer.expect("answered").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains(CLOSES), "{answer}");
        assert!(start.elapsed() < WAIT, "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_request_is_the_last_gets_its_answer_at_once() {
    let server = server().await;
    let mut peer = server.connect().await;
    let start = Instant::now();
    peer.send(head(401, "Content-Length: 4\r\nConnection: close")).await;
    assert!(peer.expect("answered").await.contains(CLOSES));
    assert!(start.elapsed() < WAIT, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_rest_that_is_framed_wrongly_is_answered_400_unless_something_was_done() {
    let server = server().await;
    for (status, answered) in [(401, 400), (404, 400), (200, 200), (503, 503)] {
        let request = head(status, "Transfer-Encoding: chunked") + "2\r\nokay\r\n0\r\n\r\n";
        let answer = server.connect().await.exchange(request + GET).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {answered} ")), "{answer}");
        assert!(answer.contains(CLOSES) && answer.matches("HTTP/1.1 ").count() == 1, "{answer}");
    }
}

#[tokio::test]
async fn what_came_with_the_last_request_is_looked_at() {
    let server = server().await;
    let request = head(401, "Connection: close\r\nTransfer-Encoding: chunked") + "2\r\nokay\r\n0\r\n\r\n";
    let answer = server.connect().await.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

/// The holder of the body may drop it after the head of the answer was sent, and then the connection can't be used again.
#[tokio::test]
async fn an_answer_whose_request_somebody_still_reads_says_that_it_is_the_last() {
    let (keep, mut kept) = mpsc::unbounded_channel();
    let service = tower::service_fn(move |request: Request<Inbound>| {
        keep.send(request.into_body()).unwrap();
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("answered"))) }
    });
    let server = Server::start(Limits::default(), service).await;
    for framing in ["Content-Length: 4", "Transfer-Encoding: chunked"] {
        let mut peer = server.connect().await;
        peer.send(head(200, framing)).await;
        let answer = peer.expect("answered").await;
        assert!(answer.contains(CLOSES), "{answer}");
        drop(kept.recv().await);
        assert_eq!(peer.rest().await, "");
    }
}

/// Returns what the edge sends on a stream, up to its answer to a PING: kinds and flags of frames.
async fn said(peer: &mut Peer<TcpStream>, stream: u8) -> Vec<(u8, u8)> {
    peer.send(frame(PING, 0, 0, &[0; 8])).await;
    let mut said = Vec::new();
    loop {
        let (head, _) = next_frame(&mut peer.0).await.expect("the connection is there");
        match (head[3], head[8]) {
            (PING, _) => return said,
            (kind, on) if on == stream => said.push((kind, head[4])),
            _ => {}
        }
    }
}

/// The headers POST / by http, and the host `a` as a literal.
const POST: [u8; 6] = [0x83, 0x84, 0x86, 0x41, 1, b'a'];

/// Begins a request over HTTP/2 whose body is to come, and waits for the answer with this text.
async fn answered_early(peer: &mut Peer<TcpStream>, headers: &[u8], answer: &str) {
    peer.send([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
    peer.send(frame(HEADERS, END_HEADERS, 1, headers)).await;
    loop {
        let (head, payload) = next_frame(&mut peer.0).await.expect("the connection is there");
        if head[3] == DATA && String::from_utf8_lossy(&payload).contains(answer) {
            return;
        }
    }
}

#[tokio::test]
async fn on_http2_an_early_answer_resets_no_stream_on_which_the_caller_still_sends() {
    let server = server().await;
    let mut peer = server.connect().await;
    answered_early(&mut peer, &POST, "answered").await;
    for flags in [0, 0, END_STREAM] {
        peer.send(frame(DATA, flags, 1, &[b'x'; 200])).await;
        let resets = said(&mut peer, 1).await.into_iter().filter(|(kind, _)| *kind == RST_STREAM);
        assert_eq!(resets.count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn on_http2_a_rest_that_never_comes_ends_the_stream_without_an_error() {
    let server = server().await;
    let mut peer = server.connect().await;
    let start = Instant::now();
    answered_early(&mut peer, &POST, "answered").await;
    loop {
        let (head, payload) = next_frame(&mut peer.0).await.expect("the connection is there");
        if head[3] == RST_STREAM {
            assert_eq!((head[8], payload), (1, vec![0; 4]));
            break;
        }
    }
    assert!((WAIT..WAIT + Duration::from_secs(1)).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn on_http2_a_rest_over_the_limit_costs_neither_the_answer_nor_the_connection() {
    let server = server().await;
    let (mut sender, connection) = handshake(TcpStream::connect(server.addr).await.unwrap()).await;
    tokio::spawn(connection);
    for length in [REST, 70_000, 10_000_000] {
        for status in STATUSES {
            let request = Request::post(format!("http://a/{status}"));
            let request = request.body(Full::from(vec![b'x'; length])).unwrap();
            let response = sender.send_request(request).await.unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(text(response).await, "answered");
        }
    }
}

#[tokio::test]
async fn on_http2_a_refusal_of_the_edge_resets_no_stream_either() {
    let server = server().await;
    let mut peer = server.connect().await;
    let without_host = &POST[..3];
    answered_early(&mut peer, without_host, "VALIDATION_ERROR").await;
    peer.send(frame(DATA, END_STREAM, 1, b"body")).await;
    assert!(said(&mut peer, 1).await.iter().all(|(kind, _)| *kind != RST_STREAM));
}
