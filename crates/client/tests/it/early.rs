//! A real hyper client below the layer, and an API that refuses a request whose body is still on its way.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tollgate_client::{Authorizer, Cached, Clock, Obtaining, Origin, Settings, Token, TokenSource};
use tower::{Layer, ServiceExt};

struct Numbered(std::sync::atomic::AtomicUsize);

impl TokenSource for Numbered {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        let n = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let token = Token::new(&format!("token-{n}"), clock.now(), Duration::from_secs(900)).unwrap();
        Box::pin(async move { Ok(token) })
    }
}

/// A body that comes as it is sent into a channel.
struct Channel(mpsc::UnboundedReceiver<Bytes>);

impl Body for Channel {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}

async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if text.contains(end) {
            return text;
        }
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "it goes on after {text:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_refused_while_its_body_is_on_its_way_is_sent_again_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let cached = Cached::new(Numbered(1.into()), Settings::default());
    let client = Client::builder(TokioExecutor::new()).build_http();
    let service = Authorizer::new(cached, [Origin::of(&url).unwrap()]).layer(client);

    let (sender, body) = mpsc::unbounded_channel();
    sender.send(Bytes::from("first half, ")).unwrap();
    let answer = tokio::spawn(service.oneshot(Request::post(&url).body(Channel(body)).unwrap()));

    let (mut first, _) = listener.accept().await.unwrap();
    let read = until(&mut first, "first half, ").await;
    assert!(read.contains("authorization: Bearer token-1\r\n"), "{read}");
    let refusal =
        "HTTP/1.1 401 x\r\nwww-authenticate: Bearer error=\"invalid_token\"\r\ncontent-length: 0\r\n\r\n";
    first.write_all(refusal.as_bytes()).await.unwrap();

    let (mut second, _) = listener.accept().await.unwrap();
    until(&mut second, "first half, ").await;
    // The first connection is not left waiting for a rest that will not come.
    assert!(matches!(first.read(&mut [0; 64]).await, Ok(0) | Err(_)));
    sender.send(Bytes::from("second half")).unwrap();
    drop(sender);
    until(&mut second, "second half\r\n0\r\n\r\n").await;
    second.write_all(b"HTTP/1.1 201 x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    assert_eq!(answer.await.unwrap().unwrap().status(), 201);
}
