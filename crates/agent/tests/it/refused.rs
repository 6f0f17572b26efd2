//! What is refused, before anything is sent.

use crate::fixture::Running;
use crate::upstream::Upstream;

#[tokio::test]
async fn what_a_page_in_a_browser_can_send_is_refused() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&upstream.url()).await;
    let host = format!("host: {}\r\n", agent.address);
    let port = agent.address.port();
    for (request, refusal) in [
        (format!("GET / HTTP/1.1\r\n{host}\r\n"), (403, "marker", "FORBIDDEN")),
        (
            format!("GET / HTTP/1.1\r\n{host}x-tollgate-agent: 1\r\nX-Tollgate-Agent: 1\r\n\r\n"),
            (403, "marker", "FORBIDDEN"),
        ),
        (
            format!("GET / HTTP/1.1\r\nhost: evil.example:{port}\r\nx-tollgate-agent: 1\r\n\r\n"),
            (421, "host", "FORBIDDEN"),
        ),
        ("GET / HTTP/1.1\r\nx-tollgate-agent: 1\r\n\r\n".to_owned(), (421, "host", "FORBIDDEN")),
        ("GET / HTTP/1.0\r\nx-tollgate-agent: 1\r\n\r\n".to_owned(), (421, "host", "FORBIDDEN")),
        (
            format!("GET / HTTP/1.1\r\n{host}host: evil.example\r\nx-tollgate-agent: 1\r\n\r\n"),
            (421, "host", "FORBIDDEN"),
        ),
        (agent.head("POST /", "origin: http://localhost\r\n"), (403, "browser", "BROWSER_NOT_ALLOWED")),
        (agent.head("POST /", "sec-fetch-site: same-origin\r\n"), (403, "browser", "BROWSER_NOT_ALLOWED")),
        (agent.head("GET http://evil.example/", ""), (400, "target", "VALIDATION_ERROR")),
        (agent.head(&format!("GET http://{}/", upstream.address()), ""), (400, "target", "VALIDATION_ERROR")),
        (agent.head("OPTIONS *", ""), (400, "target", "VALIDATION_ERROR")),
        (agent.head("CONNECT evil.example:443", ""), (400, "target", "VALIDATION_ERROR")),
        (
            agent.head("GET /", "connection: upgrade\r\nupgrade: tls/1.3\r\n"),
            (400, "upgrade", "VALIDATION_ERROR"),
        ),
        (agent.head("TRACE /", ""), (405, "method", "METHOD_NOT_ALLOWED")),
        (
            agent.head("POST /", "content-length: 1\r\nexpect: money\r\n"),
            (417, "expectation", "VALIDATION_ERROR"),
        ),
    ] {
        let answer = agent.tcp().await.call(&request).await;
        let (status, kind, code) = answer.refusal();
        assert_eq!((status, kind, code.as_str()), refusal, "{request}");
    }
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn a_preflight_is_refused_without_a_word_of_cors() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&upstream.url()).await;
    let preflight = format!(
        "OPTIONS / HTTP/1.1\r\nhost: {}\r\norigin: https://evil.example\r\naccess-control-request-method: POST\r\n\
         access-control-request-headers: x-tollgate-agent\r\naccess-control-request-private-network: true\r\n\r\n",
        agent.address
    );
    let over_tcp = agent.tcp().await.call(&preflight).await;
    let over_the_socket = agent.unix().await.call(&preflight).await;
    for answer in [over_tcp, over_the_socket] {
        assert_eq!(answer.refusal(), (403, "browser", "BROWSER_NOT_ALLOWED".to_owned()));
        assert!(!answer.head.to_lowercase().contains("access-control"), "{}", answer.head);
    }
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&upstream.url()).await;
    let lines = |lines: &str| agent.head("POST /", lines);
    for (request, status) in [
        (lines("content-length: 1\r\ncontent-length: 2\r\n") + "xx", 400),
        (lines("content-length: 1, 2\r\n") + "xx", 400),
        (lines("content-length: +1\r\n") + "x", 400),
        (lines("transfer-encoding: gzip\r\n"), 400),
        (lines("transfer-encoding: chunked, gzip\r\n"), 400),
        (lines("x-a: b\r\n c\r\n"), 400),
        (lines("x-a: b\rx-b: c\r\n"), 400),
        (lines("x-a: b\0c\r\n"), 400),
        (lines("x-a : b\r\n"), 400),
        (lines("x\u{e9}: b\r\n"), 400),
        (agent.head("GE T /", ""), 400),
        (agent.head("GET / x", ""), 400),
        (agent.head("GET /#x", ""), 400),
        (lines(&format!("x-a: {}\r\n", "a".repeat(70_000))), 431),
        (lines(&"x-a: b\r\n".repeat(200)), 431),
        (agent.head(&format!("GET /{}", "a".repeat(70_000)), ""), 431),
    ] {
        let mut caller = agent.tcp().await;
        let answer = caller.call(&request).await;
        assert_eq!(answer.status(), status, "{}", &request[..request.len().min(200)]);
        assert!(caller.ends().await);
    }
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn a_request_that_is_framed_in_two_ways_is_refused_and_nothing_of_it_passed_on() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&upstream.url()).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let length = format!("content-length: {}\r\n", 5 + smuggled.len());
    for framing in [
        format!("{length}transfer-encoding: chunked\r\n"),
        format!("transfer-encoding: chunked\r\n{length}"),
        "transfer-encoding: gzip, chunked\r\n".to_owned(),
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n".to_owned(),
        "x-a: b\ntransfer-encoding: chunked\r\n".to_owned(),
    ] {
        let mut caller = agent.tcp().await;
        let answer = caller.call(agent.head("POST /", &framing) + "0\r\n\r\n" + smuggled).await;
        assert_eq!((answer.status(), answer.refusal().1), (400, "http"), "{framing}");
        assert!(caller.ends().await, "what follows is read by nobody");
    }
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn a_broken_chunk_ends_the_request() {
    let (upstream, mut connections) = Upstream::by_hand().await;
    let agent = Running::start(&upstream.url()).await;
    let mut caller = agent.tcp().await;
    caller.send(agent.head("POST /", "transfer-encoding: chunked\r\n") + "2\r\nhi\r\n").await;
    let mut upstream = connections.recv().await.unwrap();
    upstream.head().await.unwrap();
    assert_eq!(upstream.chunk().await.unwrap().unwrap(), b"hi");
    caller.send("x\r\n").await;
    assert_eq!(caller.answer("POST").await.refusal().1, "body");
    assert!(upstream.ends().await);
}

#[tokio::test]
async fn no_path_leads_above_that_of_the_upstream() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&format!("{}/payments/", upstream.url())).await;
    for path in ["/../x", "/a/../../x", "/%2e%2e/x", "/a%2f..%2f..%2fx"] {
        let answer = agent.tcp().await.call(agent.head(&format!("GET {path}"), "")).await;
        assert_eq!(answer.refusal(), (400, "target", "VALIDATION_ERROR".to_owned()), "{path}");
    }
    assert_eq!(upstream.seen().len(), 0);
    assert_eq!(agent.tcp().await.call(agent.head("GET /a/../b", "")).await.status(), 200);
    assert_eq!(upstream.seen()[0].line, "GET /payments/a/../b HTTP/1.1");
}
