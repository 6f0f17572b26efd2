//! The listener about the agent itself.

use tollgate_agent::Limits;

use crate::caller::{Message, Wire};
use crate::fixture::Running;
use crate::tokens::Tokens;
use crate::upstream::Upstream;

async fn ask(agent: &Running, line: &str, more: &str) -> Message {
    let request = format!("{line} HTTP/1.1\r\nhost: {}\r\n{more}\r\n", agent.admin);
    Wire::tcp(agent.admin).await.call(request).await
}

#[tokio::test]
async fn it_is_up_and_ready_when_it_has_a_token() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&upstream.url()).await;
    agent.cached.ready().await.unwrap();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(ask(&agent, &format!("GET {path}"), "").await.status(), 200, "{path}");
    }
    let without = Running::start_with(&upstream.url(), Tokens::down(), Limits::default()).await;
    assert_eq!(ask(&without, "GET /healthz", "").await.status(), 200);
    assert_eq!(
        ask(&without, "GET /readyz", "").await.refusal(),
        (503, "not_ready", "UNAVAILABLE".to_owned())
    );
}

#[tokio::test]
async fn it_forwards_nothing_and_browsers_see_nothing() {
    let upstream = Upstream::good().await;
    let agent = Running::start(&upstream.url()).await;
    assert_eq!(ask(&agent, "GET /", "x-tollgate-agent: 1\r\n").await.refusal().1, "not_found");
    assert_eq!(ask(&agent, "POST /metrics", "content-length: 0\r\n").await.refusal().1, "not_found");
    assert_eq!(ask(&agent, "GET /metrics", "origin: https://evil.example\r\n").await.refusal().1, "browser");
    let rebound = "GET /metrics HTTP/1.1\r\nhost: evil.example\r\n\r\n";
    assert_eq!(Wire::tcp(agent.admin).await.call(rebound).await.refusal().1, "host");
    // And its own paths are the API's where requests are forwarded.
    assert_eq!(agent.tcp().await.call(agent.head("GET /metrics", "")).await.body, b"fine");
    assert_eq!(upstream.seen().len(), 1);
}
