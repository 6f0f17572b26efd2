//! What becomes of a 401.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tollgate_agent::Limits;
use tollgate_client::{Cached, Settings};

use crate::fixture::Running;
use crate::tokens::{Skipping, Tokens};
use crate::upstream::{Upstream, answer, invalid_token};

#[tokio::test]
async fn one_request_in_ten_is_refused_and_every_body_that_fits_is_sent_again() {
    const REQUESTS: usize = 50;
    for (size, chunk, fits) in [
        (0, 0, true),
        (1 << 10, 0, true),
        (64 << 10, 0, true),
        (65 << 10, 0, false),
        (8 << 10, 100, true),
        (64 << 10, 4_096, true),
        (100 << 10, 4_096, false),
    ] {
        let (arrived, clock) = (AtomicUsize::new(0), Skipping::new());
        let settings = Settings::default().clock(Arc::new(clock.clone()));
        let upstream = Upstream::start(move |_| {
            let n = arrived.fetch_add(1, Ordering::SeqCst);
            if n % 10 != 4 {
                return answer(200, &[], "fine");
            }
            // So that it isn't always a fresh token, of which there would be no more.
            clock.skip(10);
            invalid_token()
        })
        .await;
        let cached = Cached::new(Tokens::default(), settings);
        let agent = Running::start_holding(&upstream.url(), cached, Limits::default()).await;
        let mut caller = agent.tcp().await;
        let mut refused = 0;
        for n in 0..REQUESTS {
            let body = body(n, size);
            match caller.call(request(&agent, n, &body, chunk)).await.status() {
                200 => {}
                401 => refused += 1,
                status => panic!("{status}"),
            }
        }
        let what = format!("{size} bytes in chunks of {chunk}");
        let mut sent = BTreeMap::<String, Vec<_>>::new();
        for seen in upstream.seen() {
            let key = (seen.line.clone(), seen.header("idempotency-key").unwrap().to_owned());
            assert!(seen.body == body(number(&key.0), size), "{what}: {} is another body", key.0);
            sent.entry(key.0).or_default().push(key.1);
        }
        assert_eq!(sent.len(), REQUESTS, "{what}");
        let twice = sent.values().filter(|keys| keys.len() > 1).count();
        assert!(
            sent.values().all(|keys| keys.len() <= 2 && keys.iter().all(|key| *key == keys[0])),
            "{what}"
        );
        if fits {
            // The second sendings count, too.
            assert_eq!((twice, refused), (6, 0), "{what}");
        } else {
            assert_eq!((twice, refused), (0, 5), "{what}");
        }
    }
}

/// A body of its own for each request.
fn body(n: usize, size: usize) -> Vec<u8> {
    format!("{n:08}").repeat(size / 8).into_bytes()
}

fn number(line: &str) -> usize {
    line.split(['/', ' ']).nth(2).unwrap().parse().unwrap()
}

fn request(agent: &Running, n: usize, body: &[u8], chunk: usize) -> Vec<u8> {
    let line = format!("POST /{n}");
    if chunk == 0 {
        let head = agent.head(&line, &format!("content-length: {}\r\n", body.len()));
        return [head.as_bytes(), body].concat();
    }
    let mut request = agent.head(&line, "transfer-encoding: chunked\r\n").into_bytes();
    for piece in body.chunks(chunk) {
        request.extend(format!("{:x}\r\n", piece.len()).as_bytes());
        request.extend(piece);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    request
}

#[tokio::test]
async fn who_is_refused_twice_is_told_so() {
    let upstream = Upstream::start(|_| invalid_token()).await;
    let tokens = Tokens::default();
    let agent = Running::start_with(&upstream.url(), tokens.clone(), Limits::default()).await;
    let answer = agent.tcp().await.call(agent.head("GET /", "")).await;
    assert_eq!((answer.status(), answer.body.as_slice()), (401, &b"refused"[..]));
    assert_eq!(answer.header("tollgate-agent-error"), None);
    let used: Vec<_> =
        upstream.seen().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(used, ["Bearer access-1", "Bearer access-2"]);
}

#[tokio::test]
async fn a_refusal_about_something_else_is_passed_on() {
    for challenge in ["Basic realm=\"a\"", "Bearer error=\"insufficient_scope\""] {
        let upstream = Upstream::start(move |_| answer(401, &[("www-authenticate", challenge)], "")).await;
        let agent = Running::start(&upstream.url()).await;
        let answer = agent.tcp().await.call(agent.head("GET /", "")).await;
        assert_eq!((answer.status(), answer.header("www-authenticate")), (401, Some(challenge)));
        assert_eq!(upstream.seen().len(), 1);
    }
}
