//! Tests of requests that are refused because of their form.

use std::time::Duration;

use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

use super::deadlines::echoing;
use super::{GET, LAST, assert_refused, echo_server};

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

/// Decodes the escapes in the file.
fn unescape(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.chars());
    while let Some(char) = rest.next() {
        if char != '\\' {
            bytes.push(u8::try_from(char).expect("the file is in ASCII"));
            continue;
        }
        bytes.push(match rest.next().expect("something is escaped") {
            'r' => b'\r',
            'n' => b'\n',
            't' => b'\t',
            '0' => 0,
            '\\' => b'\\',
            'x' => u8::from_str_radix(&rest.by_ref().take(2).collect::<String>(), 16).expect("two digits"),
            other => panic!("\\{other} is no escape"),
        });
    }
    bytes
}

#[tokio::test]
async fn every_request_that_is_not_valid_is_answered_400_and_nothing_behind_it_is_read() {
    let server = echo_server().await;
    let (mut tried, mut taken) = (0, Vec::new());
    for line in include_str!("invalid.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let mut peer = server.connect().await;
        peer.send([&unescape(line), LAST.as_bytes()].concat()).await;
        peer.0.shutdown().await.unwrap();
        let answer = peer.rest().await;
        let is_refused = answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.0 400 ");
        if !is_refused || answer.matches("HTTP/1.1 ").count() > 1 {
            taken.push(format!("{line}\n    {answer:?}"));
        }
        tried += 1;
    }
    assert!(taken.is_empty(), "{}", taken.join("\n"));
    assert!(tried > 150, "the file has {tried} requests");
}

#[tokio::test]
async fn both_lengths_are_refused_behind_other_requests_too() {
    let server = echo_server().await;
    let mut peer = server.connect().await;
    for _ in 0..2 {
        peer.send(CHUNKED).await;
        peer.expect("POST / ok").await;
    }
    assert_refused(&peer.exchange(BOTH).await, 400, "VALIDATION_ERROR");

    let answers = server.connect().await.exchange([SIZED, BOTH].concat()).await;
    assert_refused(answers.split_once("POST / abc").unwrap().1, 400, "VALIDATION_ERROR");
}

const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
const SIZED: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
const BOTH: &str =
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";

/// Sends the bytes in two pieces, the second when the first has been processed, and reads to the end.
async fn in_two_pieces(bytes: &str, cut: usize) -> String {
    let mut peer = echoing();
    let (first, second) = bytes.split_at(cut);
    peer.send(first).await;
    // The clock is paused: it advances when the edge waits for more.
    tokio::time::sleep(Duration::from_millis(1)).await;
    peer.exchange(second).await
}

#[tokio::test(start_paused = true)]
async fn both_lengths_are_refused_wherever_the_head_is_cut() {
    let spaces = " ".repeat(100);
    for request in [
        BOTH.to_owned(),
        BOTH.replace("Content-Length:", &format!("content-length:{spaces}")),
        BOTH.replace("Host: a", &format!("Transfer-Encoding: chunked\r\nHost: a\r\nX: {spaces}y")),
        BOTH.replace("\r\n", "\n").replace("0\n\n", "0\r\n\r\n"),
    ] {
        for cut in 0..=request.len() {
            let answer = in_two_pieces(&request, cut).await;
            assert_refused(&answer, 400, "VALIDATION_ERROR");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn both_lengths_are_refused_behind_a_pipelined_request_wherever_the_bytes_are_cut() {
    for (first, answered) in [(CHUNKED, "POST / ok"), (SIZED, "POST / abc"), (GET, "GET /hello ")] {
        let requests = [first, BOTH, LAST].concat();
        for cut in 0..=requests.len() {
            let answers = in_two_pieces(&requests, cut).await;
            let (ok, refused) =
                answers.split_once(answered).unwrap_or_else(|| panic!("cut at {cut}: {answers:?}"));
            assert!(ok.starts_with("HTTP/1.1 200 "), "cut at {cut}: {answers:?}");
            assert_refused(refused, 400, "VALIDATION_ERROR");
        }
    }
}

/// Returns a body that looks like a head with both lengths.
fn a_head_as_a_body() -> String {
    format!(
        "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{BOTH}\r\n0\r\n\r\n",
        BOTH.len()
    )
}

#[tokio::test(start_paused = true)]
async fn a_body_that_looks_like_a_head_with_both_lengths_is_only_a_body() {
    let requests = [&a_head_as_a_body(), CHUNKED, LAST].concat();
    for cut in 0..=requests.len() {
        let answers = in_two_pieces(&requests, cut).await;
        assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "cut at {cut}: {answers:?}");
        assert!(answers.contains(BOTH) && answers.contains("POST / ok") && answers.ends_with("GET /last "));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_pieces_hide_both_lengths(
        before in prop::collection::vec(
            prop::sample::select(vec![CHUNKED.to_owned(), SIZED.to_owned(), GET.to_owned(), a_head_as_a_body()]),
            0..4,
        ),
        lengths in prop::collection::vec(1_usize..40, 1..20),
    ) {
        let requests = [before.concat(), BOTH.to_owned(), LAST.to_owned()].concat();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let answers = runtime.block_on(async {
            let mut peer = echoing();
            let (mut rest, mut lengths) = (requests.as_str(), lengths.iter().cycle());
            while !rest.is_empty() {
                let (piece, others) = rest.split_at(rest.len().min(*lengths.next().unwrap()));
                // The edge may have refused the head and closed already.
                if peer.0.write_all(piece.as_bytes()).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
                rest = others;
            }
            peer.rest().await
        });
        prop_assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), before.len(), "{}", answers);
        let refused = answers.rfind("HTTP/1.1 ").unwrap();
        assert_refused(&answers[refused..], 400, "VALIDATION_ERROR");
    }
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
    // A head that never ends is refused, too.
    let answer = server.connect().await.exchange("x".repeat(20_000)).await;
    assert_refused(&answer, 431, "HEADERS_TOO_LARGE");
}

#[tokio::test]
async fn a_head_may_have_64_headers_and_not_one_more() {
    let server = echo_server().await;
    // Two headers are there already.
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
