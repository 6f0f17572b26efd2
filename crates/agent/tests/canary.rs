//! Nothing secret comes out of the agent: not in events and spans at TRACE, ours and our libraries', not in metrics, not
//! in its own answers.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "it/caller.rs"]
mod caller;
#[path = "../../client/tests/listening/mod.rs"]
mod listening;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "it/upstream.rs"]
mod upstream;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tollgate_agent::{Agent, Limits, Upstream};
use tollgate_client::{Cached, Clock, Obtaining, Settings, Token, TokenSource};
use tollgate_edge::EndpointListener;
use tollgate_telemetry::Recorder;
use tollgate_token_file::TokenFile;

use crate::caller::{Message, Wire};
use crate::listening::{listen, said, say};
use crate::upstream::{answer, invalid_token};

#[derive(Default)]
struct Tokens(AtomicUsize);

impl TokenSource for Tokens {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        let n = self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            Ok(Token::new(&format!("canary-{n}"), clock.now(), Duration::from_secs(900)).unwrap())
        })
    }
}

/// An upstream that answers, refuses, breaks off, and sends back nothing of what it got.
fn script(seen: &Message) -> Vec<u8> {
    assert!(seen.header("authorization").unwrap().starts_with("Bearer canary-"));
    match seen.line.split(' ').nth(1).unwrap() {
        "/refused" => invalid_token(),
        "/broken" => Vec::new(),
        "/nonsense" => b"nonsense\r\n\r\n".to_vec(),
        _ => answer(200, &[], "fine"),
    }
}

#[tokio::test]
async fn nothing_secret_comes_out() {
    listen();
    let recorder = Recorder::default();
    recorder.install().unwrap();

    let upstream = upstream::Upstream::start(script).await;
    let cached = Cached::new(Tokens::default(), Settings::default());
    let agent =
        Agent::new(Upstream::new(&upstream.url()).unwrap(), cached.clone(), Limits::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::keep(&folder.path().join("token"), cached.clone()).unwrap();
    let listener = EndpointListener::bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.endpoint().address().unwrap();
    say(&(&listener, &file));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(agent.serve(vec![listener], None, async { _ = stopped.await }));

    for path in ["/", "/refused", "/refused", "/broken", "/nonsense", "/"] {
        // What the caller brings is nobody's business, either.
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nx-tollgate-agent: 1\r\nauthorization: Bearer callers-own\r\n\
             content-length: 10\r\n\r\nbody-of-it"
        );
        say(&Wire::tcp(address).await.call(request).await);
    }
    say(&Wire::tcp(address).await.call(format!("GET / HTTP/1.1\r\nhost: {address}\r\n\r\n")).await);
    say(&cached.authorization());
    stop.send(()).unwrap();
    say(&serving.await.unwrap());
    say(&recorder.render());

    let said = said();
    for heard in ["tollgate_agent_requests_total", "tollgate_agent", "hyper", "kind", "Authorization"] {
        assert!(said.contains(heard), "nothing was heard of {heard}");
    }
    for secret in ["canary", "callers-own", "body-of-it"] {
        let found = said.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret} came out");
    }
}
