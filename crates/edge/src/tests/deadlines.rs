//! Tests of the time limits. The clock is paused and advances when everything waits, so the real limits are tested.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use super::http2::{HEADERS, PREFACE, SETTINGS, answer_pings, frame};
use super::{GET, LAST, Peer, assert_refused, echo, within};
use crate::Limits;
use crate::admission::Inner;
use crate::connection;
use crate::rules::Rules;
use crate::shared::Shared;

/// Connects to an edge with only this connection; the pipe holds `buffer` bytes in each direction.
fn connect<S: Inner>(service: S, buffer: usize) -> Peer<DuplexStream> {
    connect_to(&Arc::new(Shared::new(Arc::new(Limits::default()), Rules::default())), service, buffer)
}

fn connect_to<S: Inner>(shared: &Arc<Shared>, service: S, buffer: usize) -> Peer<DuplexStream> {
    let shared = Arc::clone(shared);
    let (peer, io) = tokio::io::duplex(buffer);
    tokio::spawn(async move {
        tokio::select! {
            () = connection::serve(io, service, &shared) => {}
            never = shared.clock.run() => match never {},
        }
    });
    Peer(peer)
}

pub(super) fn echoing() -> Peer<DuplexStream> {
    connect(tower::service_fn(echo), 64 * 1024)
}

/// Checks that `seconds` have passed since `start`: not less, and hardly more.
#[track_caller]
fn assert_passed(start: Instant, seconds: u64) {
    let late = start.elapsed().checked_sub(Duration::from_secs(seconds)).expect("too early");
    assert!(late <= Duration::from_millis(300), "{late:?} too late");
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed_after_10_s() {
    let start = Instant::now();
    assert_eq!(echoing().rest().await, "");
    assert_passed(start, 10);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_end_is_refused_after_5_s() {
    for begin in ["G", "GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\n", "PRI", "PRI * HTTP/2.0\r\n\r\n"] {
        let start = Instant::now();
        let mut peer = echoing();
        let answer = peer.exchange(begin).await;
        assert_refused(&answer, 408, "REQUEST_TIMEOUT");
        assert_passed(start, 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_refused_after_5_s() {
    let mut peer = echoing();
    peer.send(GET).await;
    peer.expect("GET /hello ").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let start = Instant::now();
    for _ in 0..9 {
        peer.send("X").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_refused(&peer.rest().await, 408, "REQUEST_TIMEOUT");
    assert_passed(start, 5);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_60_s() {
    let mut peer = echoing();
    for _ in 0..3 {
        peer.send(GET).await;
        peer.expect("GET /hello ").await;
        tokio::time::sleep(Duration::from_secs(59)).await;
    }
    peer.send(GET).await;
    peer.expect("GET /hello ").await;
    let start = Instant::now();
    assert_eq!(peer.rest().await, "");
    assert_passed(start, 60);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_in_the_last_moment_is_answered() {
    let mut peer = echoing();
    peer.send(GET).await;
    peer.expect("GET /hello ").await;
    // Neither of these lets the connection run: it finds the request and its expired deadline at once.
    peer.send(LAST).await;
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(peer.rest().await.ends_with("GET /last "));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_begun_when_the_edge_shuts_down_is_answered() {
    let shared = Arc::new(Shared::new(Arc::new(Limits::default()), Rules::default()));
    let mut peer = connect_to(&shared, tower::service_fn(echo), 1024);
    peer.send(GET).await;
    peer.expect("GET /hello ").await;
    let (begin, end) = GET.split_at(9);
    peer.send(begin).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    shared.drain();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answer = peer.exchange(end).await;
    assert!(answer.contains("connection: close") && answer.ends_with("GET /hello "), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_has_a_second_when_the_edge_shuts_down() {
    let shared = Arc::new(Shared::new(Arc::new(Limits::default()), Rules::default()));
    let [mut silent, mut late] = [(); 2].map(|()| connect_to(&shared, tower::service_fn(echo), 1024));
    shared.drain();
    let start = Instant::now();
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert!(late.exchange(GET).await.ends_with("GET /hello "));
    assert_eq!(silent.rest().await, "");
    assert_passed(start, 1);
}

#[tokio::test(start_paused = true)]
async fn the_edge_does_not_limit_the_service() {
    let service = tower::service_fn(async |request| {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        echo(request).await
    });
    let mut peer = connect(service, 1024);
    peer.send(LAST).await;
    // It doesn't take a peer that ends its sending side for one that is gone, either.
    peer.0.shutdown().await.unwrap();
    let mut answer = String::new();
    peer.0.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("GET /last "));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_given_up_after_10_s() {
    let start = Instant::now();
    let mut peer = echoing();
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await;
    assert!(peer.rest().await.starts_with("HTTP/1.1 408 "));
    assert_passed(start, 10);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_left_after_10_s() {
    let start = Instant::now();
    let mut peer = connect(tower::service_fn(echo), 16);
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1234567890").await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    // The peer takes some bytes, which is progress.
    assert_eq!(within(peer.0.read(&mut [0; 16])).await.unwrap(), 16);
    tokio::time::sleep(Duration::from_millis(9_900)).await;
    assert!(peer.0.read(&mut [0; 8]).await.unwrap() > 0);
    tokio::time::sleep(Duration::from_millis(10_300)).await;
    let rest = peer.rest().await;
    assert!(rest.len() <= 24, "cut off, not {rest:?}");
    assert_passed(start, 29);
}

#[tokio::test(start_paused = true)]
async fn an_http2_connection_without_streams_ends_after_60_s() {
    let start = Instant::now();
    let (sender, connection) = super::http2::handshake(echoing().0).await;
    within(connection).await.unwrap();
    assert_passed(start, 60);
    drop(sender);
}

#[tokio::test(start_paused = true)]
async fn http2_headers_that_do_not_end_are_no_request() {
    let start = Instant::now();
    let mut peer = echoing();
    // Stream 1 begins without END_HEADERS; the peer is active otherwise.
    let begin = [frame(SETTINGS, 0, 0, &[]), frame(HEADERS, 0, 1, &[0x82])].concat();
    peer.send([PREFACE, &begin].concat()).await;
    answer_pings(&mut peer).await;
    assert!(start.elapsed() <= Duration::from_secs(71), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_http2_peer_that_is_gone_is_noticed_after_30_s() {
    let start = Instant::now();
    let mut peer = echoing();
    peer.send([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
    let _ = within(peer.0.read_to_end(&mut Vec::new())).await;
    assert_passed(start, 30);
}

#[tokio::test(start_paused = true)]
async fn an_http2_peer_that_opens_no_window_is_left() {
    let mut builder = super::http2::client();
    builder.initial_stream_window_size(0);
    let (mut sender, connection) = builder.handshake(super::http2::io(echoing().0)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get("http://a/").body(super::http2::empty()).unwrap();
    let start = Instant::now();
    let response = within(sender.send_request(request)).await.unwrap();
    let _ = within(connection).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(start.elapsed() <= Duration::from_secs(21), "{:?}", start.elapsed());
    drop(response);
}
