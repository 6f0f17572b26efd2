//! An API behind other people's proxies, which ask here before they forward, or verify tokens by the published keys: the
//! recipes of packaging/proxies/, run.

mod behind;
mod edges;
mod envoy;
mod forged;
#[allow(dead_code, reason = "a mount in process has more tables")]
#[path = "../../../guard/tests/parity/table/mod.rs"]
mod parity;
mod recipes;
mod table;
pub(crate) mod tollgate;
mod traefik;

use std::cell::Cell;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Response};
use tollgate_core::Algorithm;

use self::parity::{Case, Subject};
use self::tollgate::{Tollgate, claims};
use crate::harness::{Arrived, Fake, PATIENCE, Process, answer, eventually, now};

/// A recipe, and what may be expected of the proxy that runs by it.
struct Recipe {
    /// The algorithm of the tokens that it is for.
    algorithm: Algorithm,
    /// What it decides by.
    decides: &'static [Subject],
    /// Cases, by name, that it decides otherwise, because it knows less.
    except: &'static [&'static str],
    /// It asks about each request; otherwise it verifies by keys that it has.
    asks: bool,
    /// It tells the API who calls; otherwise the API gets the token.
    names_who_calls: bool,
    /// What it answers to a good token while it has no answer itself.
    unanswered: u16,
    answers: Answers,
    /// What else the configuration of Tollgate says.
    settings: &'static str,
    /// Writes its configuration, and says how it is started.
    configure: fn(&Parts<'_>) -> Command,
}

/// How far a proxy's refusals are those of Tollgate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// Body and all.
    Whole,
    /// In status and challenge.
    Heads,
    /// In that they refuse.
    Refusals,
}

impl Recipe {
    fn decides(&self, case: &Case) -> bool {
        self.decides.contains(&case.subject) && !self.except.contains(&&*case.name)
    }
}

/// Where the parts are that a recipe has addresses of.
struct Parts<'a> {
    tollgate: &'a Tollgate,
    api: &'a str,
    proxy: SocketAddr,
    folder: &'a Path,
}

/// An API behind a proxy.
struct Guarded<'a> {
    recipe: &'a Recipe,
    tollgate: Tollgate,
    api: Fake,
    proxy: SocketAddr,
    process: Process,
    folder: &'a Path,
    /// How many of the requests that came to the API were looked at.
    seen: Cell<usize>,
}

impl<'a> Guarded<'a> {
    fn start(folder: &'a Path, recipe: &'a Recipe) -> Self {
        let settings =
            format!("trusted_proxies = [\"127.0.0.1/32\"]\nauthz.enabled = true\n{}", recipe.settings);
        Self::before(folder, recipe, Tollgate::serve(folder, &settings))
    }

    /// Starts the proxy before a server that is there already.
    fn before(folder: &'a Path, recipe: &'a Recipe, tollgate: Tollgate) -> Self {
        let api = Fake::start(|_| answer(200, &[], ""));
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let upstream = api.url.strip_prefix("http://").unwrap().to_owned();
        let parts = Parts { tollgate: &tollgate, api: &upstream, proxy, folder };
        let process = Process::spawn((recipe.configure)(&parts).current_dir(folder));
        let guarded = Self { recipe, tollgate, api, proxy, process, folder, seen: Cell::new(0) };
        eventually("the proxy serves", PATIENCE, || {
            (TcpStream::connect(guarded.proxy).is_ok()
                && guarded.call("GET /payments/1", &[]).status() == 401)
                .then_some(())
        });
        guarded
    }

    /// The answer to a request with these header lines.
    fn call(&self, line: &str, headers: &[&str]) -> Response<Vec<u8>> {
        let headers: Vec<_> = headers.iter().map(|line| line.as_bytes()).collect();
        self.send(&format!("{line} HTTP/1.1"), &headers, b"")
    }

    /// The answer to a request, byte for byte but for the host and the end of the connection.
    fn send(&self, line: &str, headers: &[&[u8]], body: &[u8]) -> Response<Vec<u8>> {
        let mut request = format!("{line}\r\nhost: localhost\r\n").into_bytes();
        if !headers.iter().any(|line| line.starts_with(b"connection:")) {
            request.extend_from_slice(b"connection: close\r\n");
        }
        for header in headers {
            request.extend_from_slice(header);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        self.send_bytes(&request)
    }

    fn send_bytes(&self, request: &[u8]) -> Response<Vec<u8>> {
        let mut stream = TcpStream::connect(self.proxy).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // A proxy may reset a connection that it has refused.
        let _ = stream.write_all(request);
        let mut said = Vec::new();
        let mut buffer = [0; 4096];
        // Not every proxy ends a connection when it is asked to.
        while !is_whole(&said) {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(read) => said.extend_from_slice(&buffer[..read]),
            }
        }
        parsed(&said)
    }

    /// What has come to the API since the last time.
    fn forwarded(&self) -> Vec<Arrived> {
        let mut arrived = self.api.arrived();
        let new = arrived.split_off(self.seen.get());
        self.seen.set(arrived.len() + new.len());
        new
    }

    /// An access token, as a header line.
    fn bearer(&self) -> String {
        format!("authorization: Bearer {}", self.tollgate.tokens().0)
    }

    fn names_who_calls(&self) {
        let (access, _) = self.tollgate.tokens();
        self.forwarded();
        let bearer = format!("authorization: Bearer {access}");
        assert_eq!(self.call("GET /payments/1?x=1", &[&bearer]).status(), 200, "{}", self.process.said());
        let arrived = self.forwarded().pop().unwrap();
        assert!(arrived.line.starts_with("GET /payments/1?x=1 "), "{}", arrived.line);
        self.assert_identity(&arrived, &access);
        let token = arrived.header("authorization");
        assert_eq!(token, (!self.recipe.names_who_calls).then_some(&bearer["authorization: ".len()..]));
    }

    /// The API is told who calls, in one line each, and by nobody else.
    fn assert_identity(&self, arrived: &Arrived, access: &str) {
        if !self.recipe.names_who_calls {
            // A caller may have it taken out, by calling it a header for the next hop alone.
            let token = |line: &&String| line.to_ascii_lowercase().starts_with("authorization:");
            let tokens: Vec<_> = arrived.head.iter().filter(token).collect();
            assert!(tokens.len() <= 1, "{:?}", arrived.head);
            assert!(
                tokens.iter().all(|line| line.ends_with(&format!(": Bearer {access}"))),
                "{:?}",
                arrived.head
            );
            return;
        }
        assert!(!arrived.head.iter().any(|line| line.contains("forged")), "{:?}", arrived.head);
        let claims = claims(access);
        for (name, claim) in [
            ("client-id", "sub"),
            ("merchant-id", "merchant_id"),
            ("scope", "scope"),
            ("env", "env"),
            ("token-id", "jti"),
        ] {
            let name = format!("x-tollgate-{name}: ");
            let lines: Vec<_> =
                arrived.head.iter().filter(|line| line.to_ascii_lowercase().starts_with(&name)).collect();
            assert_eq!(lines.len(), 1, "{name}{:?}", arrived.head);
            assert_eq!(lines[0][name.len()..], claims[claim], "{name}");
        }
    }

    /// Without an answer within its time nothing is forwarded. Who doesn't ask needs none.
    fn bears_that_there_is_no_answer(&mut self) {
        let bearer = self.bearer();
        self.forwarded();
        self.tollgate.process.signal("STOP");
        eventually("Tollgate stands still", PATIENCE, || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.tollgate.process.id())).unwrap();
            stat.contains(") T ").then_some(())
        });
        let began = now();
        let slow = self.call("GET /payments/1", &[&bearer]).status();
        let waited = began.elapsed();
        self.tollgate.process.kill();
        let away = self.call("GET /payments/1", &[&bearer]).status();
        assert_eq!((slow.as_u16(), away.as_u16()), (self.recipe.unanswered, self.recipe.unanswered));
        assert!(waited < Duration::from_secs(10), "{waited:?}");
        assert_eq!(self.forwarded().len(), if self.recipe.asks { 0 } else { 2 });
    }

    /// Everything that a recipe must hold.
    fn holds(&mut self) {
        self.names_who_calls();
        self.answers_as_the_table_says();
        self.nobody_passes_for_another();
        self.holds_at_the_edges();
        self.bears_that_there_is_no_answer();
    }
}

impl Drop for Guarded<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the proxy said:\n{}", self.process.said());
        }
    }
}

fn is_whole(said: &[u8]) -> bool {
    let Some(end) = said.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
    let body = said.len() - end - 4;
    let head = String::from_utf8_lossy(&said[..end]).to_ascii_lowercase();
    let length = head.split_once("\r\ncontent-length: ").map(|(_, length)| length);
    let length = length.and_then(|rest| rest.split("\r\n").next()?.trim().parse::<usize>().ok());
    length.is_some_and(|length| body >= length) || said.ends_with(b"\r\n0\r\n\r\n")
}

/// What stands for the status of a connection that ended without any.
const NO_ANSWER: u16 = 999;

/// An answer, or one with that status for a connection that ended without any.
fn parsed(said: &[u8]) -> Response<Vec<u8>> {
    let end = said.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(said.len());
    let head = String::from_utf8_lossy(&said[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse::<u16>().ok());
    let mut response = Response::new(said.get(end + 4..).unwrap_or_default().to_vec());
    *response.status_mut() = http::StatusCode::from_u16(status.unwrap_or(NO_ANSWER)).unwrap();
    for line in lines {
        // An answer of HTTP/0.9 has no head.
        let Some((name, value)) = line.split_once(':').filter(|_| status.is_some()) else { break };
        let name: HeaderName = name.parse().unwrap();
        response.headers_mut().append(name, HeaderValue::from_str(value.trim()).unwrap());
    }
    response
}
