//! Tests of HTTP/2 by prior knowledge.

use std::convert::Infallible;
use std::future::pending;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, Connection, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::{BODY_LIMIT, Peer, Server, echo_server, within};
use crate::Limits;

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

pub(super) type Sent = Full<Bytes>;
type Answered = Result<Response<Sent>, Infallible>;

pub(super) fn client() -> Builder<TokioExecutor> {
    Builder::new(TokioExecutor::new())
}

pub(super) fn io<Io>(io: Io) -> TokioIo<Io> {
    TokioIo::new(io)
}

pub(super) fn empty() -> Empty<Bytes> {
    Empty::new()
}

pub(super) async fn handshake<Io: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    connected: Io,
) -> (SendRequest<Sent>, Connection<TokioIo<Io>, Sent, TokioExecutor>) {
    client().handshake(io(connected)).await.unwrap()
}

async fn connect(server: &Server) -> SendRequest<Sent> {
    let (sender, connection) = handshake(TcpStream::connect(server.addr).await.unwrap()).await;
    tokio::spawn(connection);
    sender
}

pub(super) async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

fn post(body: Vec<u8>) -> Request<Sent> {
    Request::post("http://a/x").body(Full::from(body)).unwrap()
}

/// Returns a frame of HTTP/2 (RFC 9113 §4.1) with a short payload.
pub(super) fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// Reads a frame: its head and its payload, or `None` at the end of the connection.
pub(super) async fn next_frame<Io: AsyncRead + Unpin>(io: &mut Io) -> Option<([u8; 9], Vec<u8>)> {
    let mut head = [0; 9];
    within(io.read_exact(&mut head)).await.ok()?;
    let mut payload = vec![0; usize::from(head[1]) * 256 + usize::from(head[2])];
    within(io.read_exact(&mut payload)).await.unwrap();
    Some((head, payload))
}

/// Reads frames until the connection ends, and answers every PING; returns the error codes of GOAWAYs.
pub(super) async fn answer_pings<Io: AsyncRead + AsyncWrite + Unpin>(peer: &mut Peer<Io>) -> Vec<u8> {
    let mut codes = Vec::new();
    while let Some((head, payload)) = next_frame(&mut peer.0).await {
        match head[3] {
            PING if head[4] == 0 => peer.send(frame(PING, ACK, 0, &payload)).await,
            GOAWAY => codes.push(payload[7]),
            _ => {}
        }
    }
    codes
}

#[tokio::test]
async fn a_client_that_resets_what_it_asks_for_is_sent_away() {
    let server = Server::start(Limits::default(), tower::service_fn(|_| pending::<Answered>())).await;
    let mut peer = server.connect().await;
    let mut sent = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    for stream in (1..=127).step_by(2) {
        // GET / by http, and the host `a` as a literal; END_STREAM and END_HEADERS.
        sent.extend(frame(HEADERS, 5, stream, &[0x82, 0x84, 0x86, 0x41, 1, b'a']));
        sent.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    }
    peer.send(sent).await;
    // The code of ENHANCE_YOUR_CALM.
    assert_eq!(answer_pings(&mut peer).await.last(), Some(&11));
}

#[tokio::test]
async fn the_preface_in_pieces_begins_http2() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    for byte in PREFACE {
        peer.send([*byte]).await;
    }
    peer.send(frame(SETTINGS, 0, 0, &[])).await;
    let mut head = [0; 9];
    within(peer.0.read_exact(&mut head)).await.unwrap();
    assert_eq!(head[3], SETTINGS);
}

#[tokio::test]
async fn streams_are_served_side_by_side() {
    let server = echo_server().await;
    let sender = connect(&server).await;
    let mut answers = tokio::task::JoinSet::new();
    for stream in 0..300_usize {
        let mut sender = sender.clone();
        answers.spawn(async move {
            sender.ready().await.unwrap();
            let response = sender.send_request(post(vec![b'x'; stream])).await.unwrap();
            assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
            assert_eq!(text(response).await, format!("POST http://a/x {}", "x".repeat(stream)));
        });
    }
    answers.join_all().await;
}

#[tokio::test]
async fn bodies_are_limited_alike() {
    let server = echo_server().await;
    let mut sender = connect(&server).await;
    for (length, status) in [(BODY_LIMIT, StatusCode::OK), (BODY_LIMIT + 1, StatusCode::PAYLOAD_TOO_LARGE)] {
        let response = sender.send_request(post(vec![b'x'; length])).await.unwrap();
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn a_refusal_ends_the_stream_and_not_the_connection() {
    let server = echo_server().await;
    let mut sender = connect(&server).await;
    let mut two_hosts = post(Vec::new());
    for host in ["a", "a"] {
        two_hosts.headers_mut().append("host", host.parse().unwrap());
    }
    let mut other_host = post(Vec::new());
    other_host.headers_mut().insert("host", "b".parse().unwrap());
    let mut many_headers = post(Vec::new());
    for _ in 0..65 {
        many_headers.headers_mut().append("x", "y".parse().unwrap());
    }
    let mut large_headers = post(Vec::new());
    large_headers.headers_mut().insert("x", "y".repeat(16 * 1024).parse().unwrap());
    for (request, status) in [(two_hosts, 400), (other_host, 400), (many_headers, 431), (large_headers, 431)]
    {
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert!(response.headers().contains_key("x-request-id"));
        assert!(text(response).await.starts_with(r#"{"success":false,"error":{"code":""#));
    }
    let user = Request::get("http://user@a/x").body(Sent::default()).unwrap();
    let response = sender.send_request(user).await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(text(response).await.contains(":authority"));
    let mut head = Request::head("http://a/x").body(Sent::default()).unwrap();
    head.headers_mut().insert("host", "b".parse().unwrap());
    let response = sender.send_request(head).await.unwrap();
    assert_eq!(response.status(), 400);
    assert_ne!(response.headers()["content-length"], "0");
    assert_eq!(text(response).await, "");
    assert_eq!(sender.send_request(post(Vec::new())).await.unwrap().status(), 200);
}

#[tokio::test]
async fn headers_far_over_the_limit_are_refused_before_they_are_a_request() {
    let server = echo_server().await;
    let mut sender = connect(&server).await;
    let mut request = post(Vec::new());
    request.headers_mut().insert("x", "y".repeat(40_000).parse().unwrap());
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}
