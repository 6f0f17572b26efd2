//! Tests of ordinary HTTP/1.1 clients.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::{BODY_LIMIT, GET, LAST, Server, assert_refused, echo, echo_server};
use crate::{Inbound, Limits};

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    for _ in 0..3 {
        peer.send(GET).await;
        peer.expect("GET /hello ").await;
    }
    assert!(peer.exchange(LAST).await.ends_with("GET /last "));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    let post = "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    let answers = peer.exchange([GET, post, GET, LAST].concat()).await;
    let order: Vec<_> = ["GET /hello ", "POST /body body", "GET /last "]
        .map(|text| answers.find(text).unwrap_or_else(|| panic!("{text} in {answers}")))
        .into();
    assert!(order.is_sorted());
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 4);
}

/// A service that is ready when it is asked for the third time, and must be called only then.
#[derive(Clone, Default)]
struct Late(Arc<AtomicUsize>);

impl tower::Service<Request<Inbound>> for Late {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.0.fetch_add(1, Ordering::Relaxed) >= 2 {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, request: Request<Inbound>) -> Self::Future {
        assert!(self.0.load(Ordering::Relaxed) > 2, "it is not ready");
        Box::pin(echo(request))
    }
}

#[tokio::test]
async fn a_service_that_is_not_ready_is_waited_for() {
    let server = Server::start(Limits::default(), Late::default()).await;
    assert!(server.connect().await.exchange(LAST).await.ends_with("GET /last "));
}

#[tokio::test]
async fn a_request_in_single_bytes_is_whole() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    for byte in LAST.as_bytes() {
        peer.send([*byte]).await;
    }
    assert!(peer.rest().await.ends_with("GET /last "));
}

#[tokio::test]
async fn a_body_is_asked_for_with_100_continue() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n").await;
    assert_eq!(peer.expect("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("ok").await;
    peer.expect("POST / ok").await;
}

#[tokio::test]
async fn a_body_that_would_be_too_large_is_not_asked_for() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        BODY_LIMIT + 1
    );
    assert!(peer.exchange(head).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn the_answer_outlives_a_body_that_is_not_read() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").await;
    peer.expect("HTTP/1.1 413 ").await;
    // A reset would make these writes fail, and many clients then never read the answer.
    for _ in 0..10 {
        peer.send("x".repeat(10_000)).await;
        tokio::task::yield_now().await;
    }
    assert!(peer.rest().await.ends_with("the request body is too large"));
}

#[tokio::test]
async fn bodies_up_to_the_limit_pass_and_longer_ones_do_not() {
    let server = echo_server().await;
    for (length, status) in [(BODY_LIMIT, "HTTP/1.1 200 "), (BODY_LIMIT + 1, "HTTP/1.1 413 ")] {
        let close = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
        let body = "x".repeat(length);
        let sized = format!("{close}Content-Length: {length}\r\n\r\n{body}");
        let answer = server.connect().await.exchange(sized).await;
        assert!(answer.starts_with(status), "{length} bytes with a length");
        let chunked = format!("{close}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n");
        let answer = server.connect().await.exchange(chunked).await;
        assert!(answer.starts_with(status), "{length} bytes in chunks");
    }
}

#[tokio::test]
async fn a_client_that_ends_its_side_still_gets_the_answer() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    peer.send(GET).await;
    peer.0.shutdown().await.unwrap();
    assert!(peer.rest().await.ends_with("GET /hello "));
}

#[tokio::test]
async fn a_streamed_answer_with_pauses_arrives_whole() {
    let (parts, rest) = mpsc::channel(1);
    let rest = Arc::new(Mutex::new(Some(rest)));
    let service = tower::service_fn(move |_| {
        let body = Parts(rest.lock().unwrap().take().unwrap());
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let server = Server::start(Limits::default(), service).await;
    let mut peer = server.connect().await;
    peer.send(LAST).await;
    peer.expect("\r\n\r\n").await;
    for part in ["one", "two"] {
        parts.send(part.into()).await.unwrap();
        peer.expect(part).await;
    }
    drop(parts);
    assert!(peer.rest().await.ends_with("0\r\n\r\n"));
}

/// A body whose parts are sent by the test.
struct Parts(mpsc::Receiver<Bytes>);

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}

#[tokio::test]
async fn a_panic_costs_its_connection_only() {
    let calls = Arc::new(AtomicUsize::new(0));
    let service = tower::service_fn(move |request| {
        assert!(calls.fetch_add(1, Ordering::Relaxed) > 0, "the first call panics");
        echo(request)
    });
    let server = Server::start(Limits { max_connections: 1, ..Limits::default() }, service).await;
    let mut peer = server.connect().await;
    assert_eq!(peer.exchange(GET).await, "");
    while server.open.count() > 0 {
        tokio::task::yield_now().await;
    }
    // There is only one slot, so this is served only if the panic released it.
    assert!(server.connect().await.exchange(LAST).await.ends_with("GET /last "));
}

#[tokio::test]
async fn nonsense_behind_a_good_request_is_refused_behind_its_answer() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    let answers = peer.exchange([GET, "\0\0\0\r\n\r\n"].concat()).await;
    let (good, refused) = answers.split_once("GET /hello ").unwrap();
    assert!(good.starts_with("HTTP/1.1 200 OK"));
    assert_refused(refused, 400, "VALIDATION_ERROR");
}
