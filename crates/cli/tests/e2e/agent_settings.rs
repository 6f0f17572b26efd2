//! What can be set of the agent: names, scopes, audiences, limits, and the proxy on its way.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::caller::caller;
use crate::harness::{
    Connection, Dev, PATIENCE, Process, Response, Serve, eventually, fails, finish, shell, tollgate,
};

/// Starts an agent, and returns where it listens and where it shows its metrics.
fn start(command: &mut Command) -> (Process, SocketAddr, Option<SocketAddr>) {
    let process = Process::spawn(command);
    let (listen, admin) = process.wait_for(|said| {
        let line = said.lines().find(|line| line.contains(r#""msg":"serving""#))?;
        let line: Value = serde_json::from_str(line).ok()?;
        let address = |name: &str| line[name].as_str().and_then(|address| address.parse().ok());
        Some((address("listen")?, address("admin_listen")))
    });
    (process, listen, admin)
}

fn agent(folder: &Path, args: &[&str]) -> Command {
    tollgate(folder, &[&["agent", "--format", "json"], args].concat())
}

fn get(agent: SocketAddr, host: &str, path: &str) -> Response {
    let mut connection = Connection::open(agent).unwrap();
    connection.write(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nx-tollgate-agent: 1\r\n\r\n")).unwrap();
    connection.answer().unwrap()
}

const LIST: &str = "/api/v1/payment-requests";

#[test]
fn a_name_that_is_allowed_reaches_it_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let _dev = Dev::start(&folder.path().join("data"));
    let args = ["--data", "data", "--listen-remote", "0.0.0.0:0", "--allow-host", "agent"];
    let (_process, address, _) = start(&mut agent(folder.path(), &args));
    // It listens on all interfaces; this machine reaches it on the loopback one.
    let (port, address) = (address.port(), SocketAddr::from(([127, 0, 0, 1], address.port())));
    assert_eq!(get(address, &format!("agent:{port}"), LIST).status, 200);
    assert_eq!(get(address, &format!("evil:{port}"), LIST).status, 421);
    // Other machines reach an agent only where that is said.
    for refused in [&["--listen", "0.0.0.0:0"][..], &["--listen-remote", "0.0.0.0:0"]] {
        let finished = finish(&mut agent(folder.path(), &[&["--data", "data"], refused].concat()));
        assert_eq!(finished.code, Some(2), "{finished:?}");
    }
}

#[test]
fn its_token_has_the_scopes_that_it_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let _dev = Dev::start(&folder.path().join("data"));
    let args = ["--data", "data", "--listen", "127.0.0.1:0"];
    let read = [&args[..], &["--scope", "payments:read"]].concat();
    let (_process, address, _) = start(&mut agent(folder.path(), &read));
    assert_eq!(get(address, &address.to_string(), LIST).status, 200);
    let write = [&args[..], &["--scope", "payments:write"]].concat();
    let (_process, address, _) = start(&mut agent(folder.path(), &write));
    assert_eq!(get(address, &address.to_string(), LIST).status, 403);
}

#[test]
fn its_token_is_for_the_api_that_it_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = "https://ledger.example.com";
    Serve::install(folder.path(), &format!("[[audiences]]\nname = \"{ledger}\"\nalgorithm = \"ES256\"\n"));
    let serve = Serve::start(folder.path());
    let run =
        |args: &[&str]| finish(&mut tollgate(folder.path(), &[args, &["--format", "json"]].concat())).json();
    let merchant = run(&["merchant", "list"])[0]["merchant_id"].as_str().unwrap().to_owned();
    let new = ["client", "create", "--merchant", &merchant, "--name", "books", "--audience", ledger];
    let client = run(&new);
    let text = |name: &str| client[name].as_str().unwrap().to_owned();
    let args = ["agent", "--token-file", "token", "--audience", ledger];
    let url = format!("http://{}", serve.api.0);
    let agent = caller(folder.path(), &args, &url, &text("client_id"), &text("client_secret"));
    let _agent = Process::spawn(&mut { agent });
    let token =
        eventually("there is a token", PATIENCE, || fs::read_to_string(folder.path().join("token")).ok());
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], ledger);
}

#[test]
fn its_limits_are_those_that_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let _dev = Dev::start(&folder.path().join("data"));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("http://{}", silent.local_addr().unwrap());
    let limits = [
        "--max-connections",
        "1",
        "--answer-timeout",
        "100ms",
        "--connect-timeout",
        "1s",
        "--token-timeout",
        "3s",
    ];
    let args =
        [&["--data", "data", "--listen", "127.0.0.1:0", "--upstream", &upstream][..], &limits].concat();
    let (_process, address, _) = start(&mut agent(folder.path(), &args));
    let mut first = Connection::open(address).unwrap();
    let request = format!("GET / HTTP/1.1\r\nhost: {address}\r\nx-tollgate-agent: 1\r\n\r\n");
    first.write(&request).unwrap();
    assert_eq!(first.answer().unwrap().status, 504, "the upstream does not answer in time");
    assert_eq!(get(address, &address.to_string(), "/").status, 503, "the one connection is in use");
}

#[test]
fn its_metrics_say_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let _dev = Dev::start(&folder.path().join("data"));
    let args = ["--data", "data", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let (_process, address, admin) = start(&mut agent(folder.path(), &args));
    assert_eq!(get(address, &address.to_string(), LIST).status, 200);
    let admin = admin.unwrap();
    let metrics = get(admin, &admin.to_string(), "/metrics").body;
    let names: Vec<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(names.len() > 8, "{metrics}");
    for name in names {
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name}: {metrics}");
    }
}

/// A proxy that makes tunnels to one address, whatever it is asked for. Returns its own, and how many it has made.
fn proxy(to: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, made) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = made.clone();
    thread::spawn(move || {
        for caller in listener.incoming() {
            let (mut caller, count) = (caller.unwrap(), count.clone());
            thread::spawn(move || {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if caller.read(&mut byte).unwrap_or(0) == 0 {
                        return;
                    }
                    head.push(byte[0]);
                }
                assert!(head.starts_with(b"CONNECT core.test:443 HTTP/1.1\r\n"));
                count.fetch_add(1, Ordering::SeqCst);
                let mut server = TcpStream::connect(to).unwrap();
                caller.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                let (mut from, mut onward) = (caller.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut from, &mut onward));
                let _ = std::io::copy(&mut server, &mut caller);
            });
        }
    });
    (address, made)
}

/// A server with TLS for a name that leads nowhere, so that only the proxy finds it; and what its client is called.
fn behind_tls(folder: &Path, more: &str) -> (Serve, String, String) {
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
                  -days 2 -subj /CN=core.test -addext subjectAltName=DNS:core.test \
                  -addext basicConstraints=critical,CA:FALSE 2>openssl.log || cat openssl.log >&2";
    finish(&mut shell(folder, script)).succeeded();
    let tls = "tls.cert = \"cert.pem\"\ntls.key = \"key.pem\"\n";
    let (id, secret) = Serve::install(folder, &format!("{tls}{more}"));
    (Serve::start(folder), id, secret)
}

#[test]
fn it_forwards_through_the_proxy_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let (serve, id, secret) = behind_tls(folder.path(), "");
    let (proxy, tunnels) = proxy(serve.api.0);
    let command = || {
        let args = ["agent", "--format", "json", "--listen", "127.0.0.1:0"];
        let mut command = caller(folder.path(), &args, "https://core.test", &id, &secret);
        command.env("SSL_CERT_FILE", folder.path().join("cert.pem"));
        command
    };
    let (_process, address, _) = start(command().env("HTTPS_PROXY", format!("http://{proxy}")));
    assert_eq!(get(address, &address.to_string(), LIST).status, 200);
    assert_eq!(tunnels.load(Ordering::SeqCst), 2, "one for the token, and one for what is forwarded");

    let refused = fails(command().env("HTTPS_PROXY", format!("socks5://{proxy}")));
    assert!(refused.contains("HTTPS_PROXY: the proxy must be one of http://"), "{refused}");
}
