//! Tests of shutting down, and of the limit on connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::http2::{handshake, text};
use super::{GET, LAST, Peer, Server, echo, echo_server, within};
use crate::admission::Inner;
use crate::{Drained, Edge, Limits};

/// Makes a service whose answers wait for the test: `begun` has a permit for each request, `go` lets one pass.
fn gated(begun: &Arc<Semaphore>, go: &Arc<Semaphore>) -> impl Inner + Sync {
    let (begun, go) = (Arc::clone(begun), Arc::clone(go));
    tower::service_fn(move |request| {
        let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
        async move {
            begun.add_permits(1);
            go.acquire().await.unwrap().forget();
            echo(request).await
        }
    })
}

fn gates() -> [Arc<Semaphore>; 2] {
    [Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0))]
}

/// Returns when nothing listens there any more.
async fn refused(addr: SocketAddr) {
    while TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_running_request_is_finished_and_no_other_begins() {
    let [begun, go] = gates();
    let server = Server::start(Limits::default(), gated(&begun, &go)).await;
    let mut peer = server.connect().await;
    peer.send(GET).await;
    within(begun.acquire()).await.unwrap().forget();
    let Server { addr, open, stop, served } = server;
    stop.send(()).unwrap();
    within(refused(addr)).await;
    assert!(!served.is_finished());
    go.add_permits(1);
    let answer = peer.rest().await;
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("GET /hello "), "{answer}");
    drop(peer);
    let drained = within(served).await.unwrap();
    assert_eq!(drained.aborted, 0);
    assert!(drained.completed >= 1);
    assert_eq!(open.count(), 0);
}

#[tokio::test]
async fn an_http2_stream_is_finished() {
    let [begun, go] = gates();
    let server = Server::start(Limits::default(), gated(&begun, &go)).await;
    let (mut sender, connection) = handshake(TcpStream::connect(server.addr).await.unwrap()).await;
    tokio::spawn(connection);
    let request = http::Request::get("http://a/").body(http_body_util::Full::default()).unwrap();
    let response = tokio::spawn(sender.send_request(request));
    within(begun.acquire()).await.unwrap().forget();
    let stopped = tokio::spawn(server.stop());
    go.add_permits(1);
    let response = within(response).await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(text(response).await, "GET http://a/ ");
    assert_eq!(within(stopped).await.unwrap(), Drained { completed: 1, aborted: 0 });
}

/// Tells the edge to stop. In a test, which has a single thread, the edge has noticed when this returns.
async fn told_to_stop(server: Server) -> (SocketAddr, JoinHandle<Drained>) {
    let Server { addr, stop, served, .. } = server;
    stop.send(()).unwrap();
    tokio::task::yield_now().await;
    (addr, served)
}

#[tokio::test]
async fn an_idle_connection_ends_when_no_request_can_be_on_its_way_any_more() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    peer.send(GET).await;
    peer.expect("GET /hello ").await;
    let stopped = tokio::spawn(server.stop());
    assert_eq!(peer.rest().await, "");
    drop(peer);
    assert_eq!(within(stopped).await.unwrap(), Drained { completed: 1, aborted: 0 });
}

#[tokio::test]
async fn a_request_that_was_on_its_way_is_answered_as_the_last_of_its_connection() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    peer.send(GET).await;
    assert!(!peer.expect("GET /hello ").await.contains("connection: close"));
    let (_, served) = told_to_stop(server).await;
    let answer = peer.exchange(GET).await;
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("GET /hello "), "{answer}");
    drop(peer);
    assert_eq!(within(served).await.unwrap(), Drained { completed: 1, aborted: 0 });
}

#[tokio::test]
async fn whoever_connects_while_such_a_request_is_waited_for_is_served() {
    let server = echo_server().await;
    let mut idle = server.connect().await;
    idle.send(GET).await;
    idle.expect("GET /hello ").await;
    let (addr, served) = told_to_stop(server).await;
    let answer = Peer(TcpStream::connect(addr).await.unwrap()).exchange(GET).await;
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("GET /hello "), "{answer}");
    drop(idle);
    assert_eq!(within(served).await.unwrap().aborted, 0);
    assert!(TcpStream::connect(addr).await.is_err());
}

/// An unanswered request was not begun, and its peer knows that: it sends the request again elsewhere.
#[tokio::test]
async fn pipelined_requests_are_answered_whole_up_to_one_that_says_it_is_the_last() {
    let [begun, go] = gates();
    let server = Server::start(Limits::default(), gated(&begun, &go)).await;
    let mut peer = server.connect().await;
    peer.send(GET.repeat(3)).await;
    within(begun.acquire()).await.unwrap().forget();
    let (_, served) = told_to_stop(server).await;
    go.add_permits(3);
    let answers = peer.rest().await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 1, "{answers}");
    assert!(answers.contains("connection: close\r\n") && answers.ends_with("GET /hello "), "{answers}");
    drop(peer);
    assert_eq!(within(served).await.unwrap(), Drained { completed: 1, aborted: 0 });
    assert_eq!((begun.available_permits(), go.available_permits()), (0, 2));
}

#[tokio::test]
async fn what_is_left_in_the_queue_is_served_by_the_process_that_has_it_next() {
    let supervisor = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    supervisor.set_nonblocking(true).unwrap();
    let listener = || tokio::net::TcpListener::from_std(supervisor.try_clone().unwrap()).unwrap();
    let peers: Vec<_> =
        (0..5).map(|_| std::net::TcpStream::connect(supervisor.local_addr().unwrap()).unwrap()).collect();
    let edge = || Edge::new(Limits::default()).leave_queue(true);
    let ended = edge().serve(listener(), |_| tower::service_fn(echo), async {}).await;
    assert_eq!(ended, Drained { completed: 0, aborted: 0 });
    let next = tokio::spawn(edge().serve(listener(), |_| tower::service_fn(echo), std::future::pending()));
    for peer in peers {
        peer.set_nonblocking(true).unwrap();
        let answer = Peer(TcpStream::from_std(peer).unwrap()).exchange(LAST).await;
        assert!(answer.ends_with("GET /last "), "{answer}");
    }
    next.abort();
}

#[tokio::test]
async fn a_connection_that_was_established_before_is_served() {
    let server = echo_server().await;
    // On this single thread the edge has not run since, so it finds all of them when it is told to stop.
    let mut peers: Vec<_> = (0..5)
        .map(|_| {
            let stream = std::net::TcpStream::connect(server.addr).unwrap();
            stream.set_nonblocking(true).unwrap();
            Peer(TcpStream::from_std(stream).unwrap())
        })
        .collect();
    let Server { stop, served, .. } = server;
    stop.send(()).unwrap();
    tokio::task::yield_now().await;
    for peer in &mut peers {
        let answer = peer.exchange(GET).await;
        assert!(answer.contains("connection: close") && answer.ends_with("GET /hello "), "{answer:?}");
    }
    drop(peers);
    assert_eq!(within(served).await.unwrap(), Drained { completed: 5, aborted: 0 });
}

#[tokio::test]
async fn a_request_that_outlives_the_grace_is_cut_off() {
    let [begun, go] = gates();
    let limits = Limits { grace: Duration::from_millis(50), ..Limits::default() };
    let server = Server::start(limits, gated(&begun, &go)).await;
    let mut peer = server.connect().await;
    peer.send(GET).await;
    within(begun.acquire()).await.unwrap().forget();
    let open = server.open.clone();
    assert_eq!(within(server.stop()).await, Drained { completed: 0, aborted: 1 });
    assert_eq!(peer.rest().await, "");
    assert_eq!(open.count(), 0);
}

#[tokio::test]
async fn connections_over_the_cap_are_told_so() {
    let [begun, go] = gates();
    let limits = Limits { max_connections: 2, ..Limits::default() };
    let server = Server::start(limits, gated(&begun, &go)).await;
    let mut served = [server.connect().await, server.connect().await];
    for peer in &mut served {
        peer.send(LAST).await;
    }
    within(begun.acquire_many(2)).await.unwrap().forget();
    for _ in 0..3 {
        let answer = server.connect().await.exchange(LAST).await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1\r\n"), "{answer:?}");
        assert!(answer.contains(r#""code":"UNAVAILABLE""#), "{answer:?}");
    }
    assert_eq!(server.open.count(), 2);
    go.add_permits(2);
    for peer in &mut served {
        assert!(peer.rest().await.ends_with("GET /last "));
    }
}

#[tokio::test]
async fn a_stopped_edge_takes_no_connections() {
    let server = echo_server().await;
    let addr = server.addr;
    assert_eq!(within(server.stop()).await, Drained { completed: 0, aborted: 0 });
    assert!(TcpStream::connect(addr).await.is_err());
}
