//! Tests of the choices of an edge's owner: listeners, one limit for several of them, rules and marks.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tokio::net::unix::UCred;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tollgate_http::{SourceLimits, Sources};

use super::{GET, LAST, Peer, assert_refused, echo, within};
use crate::{Drained, Edge, Limits, Listener, Requests};

const MARK: HeaderName = HeaderName::from_static("by");

/// Serves the echo by `edge` on a port.
async fn start(edge: Edge) -> (std::net::SocketAddr, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(edge.serve(listener, |_| tower::service_fn(echo), async {
        let _ = stopped.await;
    }));
    (address, stop)
}

async fn connect(address: std::net::SocketAddr) -> Peer<TcpStream> {
    Peer(TcpStream::connect(address).await.unwrap())
}

#[tokio::test]
async fn a_socket_in_the_file_system_is_served_and_tells_who_connects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edge.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (seen, mut users) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let make = move |peer: UCred| {
        seen.send(peer.uid()).unwrap();
        tower::service_fn(echo)
    };
    let serving = tokio::spawn(Edge::new(Limits::default()).serve(listener, make, async {
        let _ = stopped.await;
    }));
    let mut peer = Peer(UnixStream::connect(&path).await.unwrap());
    assert!(peer.exchange(LAST).await.ends_with("GET /last "));
    drop(peer);
    assert_eq!(users.recv().await, Some(std::fs::metadata(&path).unwrap().uid()));
    stop.send(()).unwrap();
    assert_eq!(within(serving).await.unwrap().aborted, 0);
}

#[tokio::test]
async fn connections_to_a_socket_in_the_file_system_are_taken_before_it_closes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edge.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let peers: Vec<_> = (0..3).map(|_| std::os::unix::net::UnixStream::connect(&path).unwrap()).collect();
    assert_eq!(listener.into_established().count(), peers.len());
}

#[tokio::test]
async fn listeners_of_one_edge_share_its_limit() {
    let edge = Edge::new(Limits { max_connections: 1, max_refused: 0, ..Limits::default() });
    let (first, _stop) = start(edge.clone()).await;
    let mut served = connect(first).await;
    served.send(GET).await;
    served.expect("GET /hello ").await;
    let (second, _stop_second) = start(edge).await;
    let mut waiting = connect(second).await;
    waiting.send(LAST).await;
    let early = tokio::time::timeout(Duration::from_millis(50), waiting.expect("HTTP")).await;
    assert!(early.is_err(), "it was answered while the other had the slot");
    drop(served);
    assert!(waiting.rest().await.ends_with("GET /last "));
}

#[tokio::test]
async fn several_listeners_are_served_as_one_and_none_is_passed_over() {
    let bind = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listeners = vec![bind().await, bind().await];
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    // Crowds that wait at each before any is accepted.
    let mut crowd = Vec::new();
    for _ in 0..32 {
        crowd.push((connect(addresses[0]).await, connect(addresses[1]).await));
    }
    let mut first = [0; 2];
    for _ in 0..32 {
        let (_, peer) = listeners.accept().await.unwrap();
        let at = crowd.iter().any(|(peer_of_first, _)| peer_of_first.0.local_addr().unwrap() == peer);
        first[usize::from(!at)] += 1;
    }
    assert!(first.iter().all(|accepted| *accepted > 0), "{first:?}");
    let (stop, stopped) = oneshot::channel::<()>();
    let serving =
        tokio::spawn(Edge::new(Limits::default()).serve(listeners, |_| tower::service_fn(echo), async {
            let _ = stopped.await;
        }));
    for address in &addresses {
        assert!(connect(*address).await.exchange(LAST).await.ends_with("GET /last "));
    }
    drop(crowd);
    stop.send(()).unwrap();
    assert_eq!(within(serving).await.unwrap().aborted, 0);
    for address in addresses {
        assert!(TcpStream::connect(address).await.is_err());
    }
}

#[tokio::test]
async fn no_listener_at_all_is_served_until_the_end() {
    let (stop, stopped) = oneshot::channel::<()>();
    let serving =
        Edge::new(Limits::default()).serve(Vec::<TcpListener>::new(), |_| tower::service_fn(echo), async {
            let _ = stopped.await;
        });
    let serving = tokio::spawn(serving);
    tokio::task::yield_now().await;
    assert!(!serving.is_finished());
    stop.send(()).unwrap();
    assert_eq!(within(serving).await.unwrap(), Drained { completed: 0, aborted: 0 });
}

#[tokio::test]
async fn a_mark_is_on_the_answers_of_the_edge_alone() {
    let edge = Edge::new(Limits::default()).mark(MARK, HeaderValue::from_static("edge"));
    let (address, _stop) = start(edge).await;
    for refused in ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nX: no host\r\n\r\n"] {
        let answer = connect(address).await.exchange(refused).await;
        assert_refused(&answer, 400, "VALIDATION_ERROR");
        assert!(answer.contains("by: edge\r\n"), "{answer}");
    }
    assert!(!connect(address).await.exchange(LAST).await.contains("by: edge"));
}

#[tokio::test]
async fn a_service_with_rules_of_its_own_gets_requests_without_a_host_and_with_any_target() {
    let (address, _stop) = start(Edge::new(Limits::default()).hand_on(Requests::Any)).await;
    for (head, echoed) in [
        ("GET /x HTTP/1.1\r\n", "GET /x "),
        ("GET http://b/x HTTP/1.1\r\nHost: a\r\nHost: a\r\n", "GET http://b/x "),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n", "OPTIONS * "),
    ] {
        let answer = connect(address).await.exchange(format!("{head}Connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(echoed), "{answer}");
    }
    assert_refused(&connect(address).await.exchange("nonsense\r\n\r\n").await, 400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_listener_that_is_stopped_at_once_drains_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let edge = Edge::new(Limits::default());
    let drained = edge.serve(listener, |_| tower::service_fn(echo), async {}).await;
    assert_eq!(drained, Drained { completed: 0, aborted: 0 });
}

/// Connects from an address of this machine.
async fn connect_from(from: &str, to: std::net::SocketAddr) -> Peer<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    Peer(socket.connect(to).await.unwrap())
}

#[tokio::test]
async fn one_source_can_not_hold_all_connections() {
    let limits = SourceLimits { connections: 2, new_connections: None, enforce: true, trusted: Vec::new() };
    let sources = Sources::new(limits, Instant::now());
    let edge = Edge::new(Limits { max_connections: 4, ..Limits::default() }).limit_sources(sources.clone());
    let (address, _stop) = start(edge).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut peer = connect_from("127.0.0.2", address).await;
        peer.send(GET).await;
        peer.expect("GET /hello ").await;
        held.push(peer);
    }
    let refused = connect_from("127.0.0.2", address).await.exchange(LAST).await;
    assert_refused(&refused, 503, "UNAVAILABLE");
    assert!(refused.contains("retry-after: 1\r\n") && refused.contains("from your address"), "{refused}");
    assert!(connect_from("127.0.0.3", address).await.exchange(LAST).await.ends_with("GET /last "));
    assert_eq!((sources.exceeded(), sources.exceeded_new()), (1, 0));

    drop(held.pop());
    let mut answer = String::new();
    while !answer.ends_with("GET /last ") {
        // Its slot is free as soon as the edge has noticed.
        answer = connect_from("127.0.0.2", address).await.exchange(LAST).await;
    }
}
