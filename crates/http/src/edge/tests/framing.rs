//! Requests that are refused for how they are written.

use tokio::io::AsyncWriteExt;

use super::{LAST, assert_refused, echo_server};

#[tokio::test]
async fn what_is_not_http_is_refused_in_the_envelope() {
    let server = echo_server().await;
    for request in [
        "\0\0\0\0\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nnot a header\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\0\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nNO\r\n\r\n",
    ] {
        assert_refused(&server.connect().await.exchange(request).await, 400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn ambiguous_requests_are_refused() {
    let server = echo_server().await;
    for headers in [
        "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
        "Host: a\r\ntransfer-encoding: chunked\r\nCONTENT-LENGTH: 5",
        "Host: a\r\nTransfer-Encoding: gzip",
        "Host: a\r\nTransfer-Encoding: chunked, identity",
        "Host: a\r\nContent-Length: 5\r\nContent-Length: 6",
        "Host: a\r\nContent-Length: 5, 5",
        "Host: a\r\nContent-Length: +5",
        "Host: a\r\nContent-Length: -1",
        "Host: a\r\nHost: a",
        "Host: a\r\nHost: b",
        "X: no host",
        "Host: user@a",
        "Host: a, b",
        "Host: a/b",
    ] {
        let request = format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n0\r\n\r\n");
        let answer = server.connect().await.exchange(request).await;
        assert_refused(&answer, 400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn both_lengths_are_refused_behind_other_requests_too() {
    let server = echo_server().await;
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let both =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let mut peer = server.connect().await;
    for _ in 0..2 {
        peer.send(chunked).await;
        peer.expect("POST / ok").await;
    }
    assert_refused(&peer.exchange(both).await, 400, "VALIDATION_ERROR");

    let sized = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let answers = server.connect().await.exchange([sized, both].concat()).await;
    assert_refused(answers.split_once("POST / abc").unwrap().1, 400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn targets_other_than_a_path_are_refused() {
    let server = echo_server().await;
    for line in [
        "CONNECT a:443",
        "CONNECT /",
        "OPTIONS *",
        "GET *",
        "GET a:80",
        "GET http://b/x",
        "GET http://user@a/x",
    ] {
        let request = format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_refused(&server.connect().await.exchange(request).await, 400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn the_absolute_form_is_the_path_behind_its_host() {
    let server = echo_server().await;
    for (target, path) in [("http://A/x?y=z", "/x?y=z"), ("https://a", "/")] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = server.connect().await.exchange(request).await;
        assert!(answer.ends_with(&format!("\r\n\r\nGET {path} ")), "{answer}");
    }
}

#[tokio::test]
async fn http_1_0_needs_no_host() {
    let server = echo_server().await;
    let answer = server.connect().await.exchange("GET /old HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK") && answer.ends_with("GET /old "), "{answer}");
}

#[tokio::test]
async fn equal_lengths_given_twice_are_one() {
    let server = echo_server().await;
    let request =
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok";
    assert!(server.connect().await.exchange(request).await.ends_with("POST / ok"));
}

#[tokio::test]
async fn a_head_may_have_16_kib_and_not_a_byte_more() {
    let server = echo_server().await;
    let head = |length: usize| {
        let filler = length - LAST.len() - "X: \r\n".len();
        LAST.replace("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "x".repeat(filler)))
    };
    assert_eq!(head(16_384).len(), 16_384);
    assert!(server.connect().await.exchange(head(16_384)).await.ends_with("GET /last "));
    for length in [16_385, 20_000, 150_000] {
        let answer = server.connect().await.exchange(head(length)).await;
        assert_refused(&answer, 431, "HEADERS_TOO_LARGE");
    }
    // Nor one that never ends.
    let answer = server.connect().await.exchange("x".repeat(20_000)).await;
    assert_refused(&answer, 431, "HEADERS_TOO_LARGE");
}

#[tokio::test]
async fn a_head_may_have_64_headers_and_not_one_more() {
    let server = echo_server().await;
    // Two are there already.
    let head = |count: usize| LAST.replace("\r\n\r\n", &format!("\r\n{}\r\n", "X: y\r\n".repeat(count - 2)));
    assert!(server.connect().await.exchange(head(64)).await.ends_with("GET /last "));
    assert_refused(&server.connect().await.exchange(head(65)).await, 431, "HEADERS_TOO_LARGE");
}

#[tokio::test]
async fn half_a_head_is_refused_when_the_client_ends_it() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    peer.send("GET / HTTP/1.1\r\nHos").await;
    peer.0.shutdown().await.unwrap();
    assert_refused(&peer.rest().await, 400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_well_formed_request_id_is_kept_in_a_refusal() {
    let server = echo_server().await;
    let request = "GET / HTTP/1.1\r\nX-Request-Id: my.id_1\r\n\r\n";
    let answer = server.connect().await.exchange(request).await;
    assert!(answer.contains("x-request-id: my.id_1\r\n"), "{answer}");
}
