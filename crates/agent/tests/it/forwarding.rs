//! What arrives at the upstream, and what comes back.

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::fixture::Running;
use crate::upstream::{Upstream, answer};

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_with_the_token() {
    let upstream = Upstream::start(|_| answer(201, &[("x-from", "upstream")], "made")).await;
    let agent = Running::start(&upstream.url()).await;
    let target = "PUT /a/../b//c%2F;d/./?q=%20+&&=";
    let more =
        "Accept: */*\r\nauthorization: Bearer mine\r\nX-Twice: 1\r\nx-twice: 2\r\ncontent-length: 5\r\n";
    let answer = agent.tcp().await.call(agent.head(target, more) + "hello").await;
    assert_eq!((answer.status(), answer.body.as_slice()), (201, &b"made"[..]));
    assert_eq!(answer.header("x-from"), Some("upstream"));
    let seen = &upstream.seen()[0];
    assert_eq!(seen.line, "PUT /a/../b//c%2F;d/./?q=%20+&&= HTTP/1.1");
    assert_eq!(seen.body, b"hello");
    assert_eq!(seen.header("authorization"), Some("Bearer access-1"));
    assert_eq!(seen.header("host"), Some(upstream.address().to_string().as_str()));
    assert_eq!((seen.header("accept"), seen.headers("x-twice")), (Some("*/*"), vec!["1", "2"]));
    assert_eq!((seen.header("x-tollgate-agent"), seen.header("idempotency-key")), (None, None));
}

#[tokio::test]
async fn over_the_socket_a_plain_request_is_enough() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&format!("{}/base/", upstream.url())).await;
    let mut caller = agent.unix().await;
    for n in 1..=3 {
        let answer = caller.call(format!("GET /x?n={n} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(upstream.seen()[n - 1].line, format!("GET /base/x?n={n} HTTP/1.1"));
    }
}

#[tokio::test]
async fn a_post_without_a_key_gets_one_and_a_key_is_kept() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&upstream.url()).await;
    let mut caller = agent.tcp().await;
    caller.call(agent.head("POST /", "content-length: 0\r\n")).await;
    caller.call(agent.head("POST /", "content-length: 0\r\nidempotency-key: mine\r\n")).await;
    // A key that the caller calls hop-by-hop ends here.
    let hop = "content-length: 0\r\nidempotency-key: mine\r\nconnection: idempotency-key\r\n";
    caller.call(agent.head("POST /", hop)).await;
    let seen = upstream.seen();
    let keys: Vec<&str> = seen.iter().map(|seen| seen.header("idempotency-key").unwrap()).collect();
    assert_eq!(keys[1], "mine");
    for key in [keys[0], keys[2]] {
        assert_eq!((key.len(), key.as_bytes()[14]), (36, b'7'), "{key}");
    }
}

#[tokio::test]
async fn what_ends_with_a_connection_is_passed_on_in_neither_direction() {
    let hop = [("connection", "x-hop"), ("x-hop", "1"), ("keep-alive", "timeout=9"), ("upgrade", "h2c")];
    let own = [("tollgate-agent-error", "no_token"), ("proxy-authenticate", "Basic")];
    let upstream = Upstream::start(move |_| answer(200, &[&hop[..], &own].concat(), "")).await;
    let agent = Running::start(&upstream.url()).await;
    let more = "connection: x-hop, upgrade\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nupgrade: h2c\r\n\
                http2-settings: AA\r\nproxy-authorization: Basic a\r\n";
    let answer = agent.tcp().await.call(agent.head("GET /", more)).await;
    let seen = &upstream.seen()[0];
    for (name, _) in hop.iter().chain(&own).chain(&[("proxy-authorization", "")]) {
        assert_eq!((seen.header(name), answer.header(name)), (None, None), "{name}");
    }
}

#[tokio::test]
async fn redirects_and_errors_are_the_callers() {
    for status in [302, 304, 307, 403, 404, 500, 503] {
        let upstream =
            Upstream::start(move |_| answer(status, &[("location", "https://evil.example/")], "")).await;
        let agent = Running::start(&upstream.url()).await;
        let answer = agent.tcp().await.call(agent.head("GET /", "")).await;
        assert_eq!((answer.status(), answer.header("location")), (status, Some("https://evil.example/")));
        assert_eq!(answer.header("tollgate-agent-error"), None);
        assert_eq!(upstream.seen().len(), 1);
    }
}

#[tokio::test]
async fn answers_without_a_body_stay_so() {
    let upstream = Upstream::start(|seen| {
        let is_head = seen.line.starts_with("HEAD");
        let answer = if is_head { "200 x\r\ncontent-length: 12" } else { "204 x" };
        format!("HTTP/1.1 {answer}\r\n\r\n").into_bytes()
    })
    .await;
    let agent = Running::start(&upstream.url()).await;
    let mut caller = agent.tcp().await;
    caller.send(agent.head("HEAD /", "")).await;
    assert_eq!(caller.answer("HEAD").await.header("content-length"), Some("12"));
    assert_eq!(caller.call(agent.head("DELETE /", "")).await.status(), 204);
}

#[tokio::test]
async fn a_body_is_asked_for_by_the_agent_and_the_upstream_is_not_made_to() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&upstream.url()).await;
    let mut caller = agent.tcp().await;
    let interim = caller.call(agent.head("POST /", "content-length: 5\r\nexpect: 100-continue\r\n"));
    assert_eq!(interim.await.status(), 100);
    assert_eq!(caller.call("hello").await.status(), 200);
    let seen = &upstream.seen()[0];
    assert_eq!((seen.header("expect"), seen.body.as_slice()), (None, &b"hello"[..]));
}

#[tokio::test]
async fn a_chunked_body_of_any_method_arrives() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&upstream.url()).await;
    let mut caller = agent.tcp().await;
    for method in ["POST", "PUT", "GET", "DELETE"] {
        let head = agent.head(&format!("{method} /"), "transfer-encoding: chunked\r\n");
        assert_eq!(caller.call(head + "5\r\nhello\r\n0\r\n\r\n").await.status(), 200);
        let seen = upstream.seen().pop().unwrap();
        assert_eq!((seen.body.as_slice(), seen.header("content-length")), (&b"hello"[..], None), "{method}");
    }
}

#[tokio::test]
async fn trailers_are_passed_on_in_both_directions() {
    let upstream = Upstream::start(|_| {
        let head = "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n";
        format!("{head}2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n").into_bytes()
    })
    .await;
    let agent = Running::start(&upstream.url()).await;
    let more = "transfer-encoding: chunked\r\ntrailer: x-sum\r\nte: trailers\r\nconnection: te\r\n";
    let request = agent.head("POST /", more) + "2\r\nhi\r\n0\r\nx-sum: 2\r\n\r\n";
    let answer = agent.tcp().await.call(request).await;
    assert_eq!((answer.body.as_slice(), answer.trailers.as_str()), (&b"ok"[..], "x-sum: 1\r\n"));
    let seen = &upstream.seen()[0];
    assert_eq!((seen.trailers.as_str(), seen.header("te")), ("x-sum: 2\r\n", Some("trailers")));
}

#[tokio::test]
async fn a_caller_may_speak_http_2() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&upstream.url()).await;
    let io = TokioIo::new(TcpStream::connect(agent.address).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = |host: &str| {
        let request = Request::get(format!("http://{host}/x?y")).version(Version::HTTP_2);
        request.header("x-tollgate-agent", "1").body(Empty::<Bytes>::new()).unwrap()
    };
    let answer = sender.send_request(request(&agent.address.to_string())).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "fine");
    assert_eq!(upstream.seen()[0].line, "GET /x?y HTTP/1.1");
    let answer = sender.send_request(request("evil.example")).await.unwrap();
    assert_eq!(answer.headers()["tollgate-agent-error"], "host");
    assert_eq!(upstream.seen().len(), 1);
}
