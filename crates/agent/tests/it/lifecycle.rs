//! Errors of others, limits, and how it ends.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixStream};
use tollgate_agent::Limits;
use tollgate_edge::Drained;

use crate::caller::Wire;
use crate::fixture::Running;
use crate::tokens::Tokens;
use crate::upstream::Upstream;

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let upstream = Upstream::good().await;
    let agent = Running::start_with(&upstream.url(), Tokens::down(), Limits::default()).await;
    let request = agent.head("POST /", "content-length: 2\r\nx-request-id: r-1\r\n") + "hi";
    let answer = agent.tcp().await.call(request).await;
    assert_eq!(answer.refusal(), (503, "no_token", "UNAVAILABLE".to_owned()));
    assert_eq!(answer.header("x-request-id"), Some("r-1"));
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(upstream.seen().len(), 0);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_said_so() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let agent = Running::start(&format!("http://{address}")).await;
    let answer = agent.tcp().await.call(agent.head("POST /", "content-length: 0\r\n")).await;
    assert_eq!(answer.refusal(), (502, "connect", "UNAVAILABLE".to_owned()));
}

#[tokio::test]
async fn an_upstream_that_breaks_off_is_said_so_with_the_key_for_the_next_attempt() {
    let upstream = Upstream::start(|_| Vec::new()).await;
    let agent = Running::start(&upstream.url()).await;
    let answer = agent.tcp().await.call(agent.head("POST /", "content-length: 0\r\n")).await;
    assert_eq!(answer.refusal(), (502, "upstream", "UNAVAILABLE".to_owned()));
    let seen = upstream.seen();
    assert_eq!(seen.len(), 2, "it was sent again, once: {seen:?}");
    for seen in seen {
        assert_eq!(answer.header("idempotency-key"), seen.header("idempotency-key"));
    }
}

fn impatient() -> Limits {
    let limit = Duration::from_millis(200);
    let mut limits = Limits::default();
    (limits.upstream.answer, limits.upstream.connect) = (limit, limit);
    limits
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_not_waited_for() {
    let (upstream, mut connections) = Upstream::by_hand().await;
    let agent = Running::start_with(&upstream.url(), Tokens::default(), impatient()).await;
    let answer = agent.tcp().await.call(agent.head("POST /", "content-length: 2\r\n") + "hi").await;
    assert_eq!(answer.refusal(), (504, "timeout", "UNAVAILABLE".to_owned()));
    let mut upstream = connections.recv().await.unwrap();
    let seen = upstream.request().await.unwrap();
    assert_eq!(answer.header("idempotency-key"), seen.header("idempotency-key"));
    assert!(upstream.ends().await);
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_is_not_waited_for() {
    let (upstream, mut connections) = Upstream::by_hand().await;
    // It accepts, and never says a word of TLS.
    let url = format!("https://{}", upstream.address());
    let mut limits = impatient();
    limits.upstream.answer = Duration::from_secs(60);
    let agent = Running::start_with(&url, Tokens::default(), limits).await;
    let answer = agent.tcp().await.call(agent.head("GET /", "")).await;
    assert_eq!(answer.refusal().1, "timeout");
    assert!(connections.recv().await.unwrap().ends().await);
}

#[tokio::test]
async fn a_caller_whose_body_stops_coming_is_told_so() {
    let (upstream, mut connections) = Upstream::by_hand().await;
    let agent = Running::start_with(&upstream.url(), Tokens::default(), impatient()).await;
    let answer = agent.tcp().await.call(agent.head("POST /", "content-length: 9\r\n") + "begun").await;
    assert_eq!(answer.refusal(), (408, "slow_body", "REQUEST_TIMEOUT".to_owned()));
    assert!(connections.recv().await.unwrap().ends().await);
}

#[tokio::test]
async fn a_caller_for_whom_there_is_no_connection_is_told_so() {
    let upstream = Upstream::good().await;
    let mut limits = Limits::default();
    limits.callers.max_connections = 1;
    let agent = Running::start_with(&upstream.url(), Tokens::default(), limits).await;
    let mut first = agent.tcp().await;
    assert_eq!(first.call(agent.head("GET /1", "")).await.status(), 200);
    let answer = agent.tcp().await.call(agent.head("GET /2", "")).await;
    assert_eq!(answer.refusal(), (503, "http", "UNAVAILABLE".to_owned()));
    assert!(answer.header("retry-after").is_some(), "{}", answer.head);
    // The one that has it keeps it.
    assert_eq!(first.call(agent.head("GET /3", "")).await.status(), 200);
    assert_eq!(upstream.seen().len(), 2, "the second was not forwarded");
    drop(first);
    // As soon as the agent has noticed, there is one for the next.
    while agent.tcp().await.call(agent.head("GET /4", "")).await.status() != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn when_it_is_told_to_stop_it_finishes_what_is_under_way() {
    let (upstream, mut connections) = Upstream::by_hand().await;
    let agent = Running::start(&upstream.url()).await;
    let (address, path, admin) = (agent.address, agent.path.clone(), agent.admin);
    let (mut caller, mut idle, mut silent) = (agent.tcp().await, agent.unix().await, agent.tcp().await);
    caller.send(agent.head("POST /", "content-length: 10\r\n") + "begun").await;
    let mut upstream = connections.recv().await.unwrap();
    upstream.head().await.unwrap();

    let (served, folder) = agent.stop();
    assert!(idle.ends().await && silent.ends().await);
    // The listeners end before the connections do.
    assert!(UnixStream::connect(&path).await.is_err());
    assert!(TcpStream::connect(address).await.is_err());
    let ready = format!("GET /readyz HTTP/1.1\r\nhost: {admin}\r\n\r\n");
    assert_eq!(Wire::tcp(admin).await.call(ready).await.refusal().1, "not_ready");
    caller.send("ended").await;
    assert_eq!(upstream.bytes(10).await.unwrap(), b"begunended");
    upstream.send("HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n").await;
    assert_eq!(caller.head().await.unwrap().header("connection"), Some("close"));
    upstream.send("0\r\n\r\n").await;
    assert_eq!(caller.chunk().await.unwrap().unwrap(), b"ok");
    assert_eq!(caller.chunk().await.unwrap(), None);
    assert!(caller.line().await.is_some() && caller.ends().await);
    assert_eq!(served.await.unwrap(), Drained { completed: 3, aborted: 0 });
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_outlasts_the_grace_is_cut_off() {
    let (upstream, mut connections) = Upstream::by_hand().await;
    let mut limits = Limits::default();
    limits.callers.grace = Duration::from_millis(50);
    let agent = Running::start_with(&upstream.url(), Tokens::default(), limits).await;
    let mut caller = agent.tcp().await;
    caller.send(agent.head("GET /", "")).await;
    let mut upstream = connections.recv().await.unwrap();
    upstream.head().await.unwrap();
    let (served, _folder) = agent.stop();
    assert_eq!(served.await.unwrap(), Drained { completed: 0, aborted: 1 });
    assert!(caller.ends().await && upstream.ends().await);
}
