//! Where the caller's side sends secrets and tokens, and what it needs for that.

use std::path::Path;
use std::process::Command;

use crate::caller::caller;
use crate::harness::{Dev, Process, fails, finish, is_misused, tollgate};

/// A machine that trusts no authority, as one without ca-certificates.
fn without_authorities(command: &mut Command) -> &mut Command {
    command.env("SSL_CERT_FILE", "/nowhere/certs.pem").env("SSL_CERT_DIR", "/nowhere")
}

#[test]
fn without_a_list_of_authorities_http_on_this_machine_works_and_https_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let data = ["--data", "data"];
    for args in [&["token"][..], &["call", "GET", "/api/v1/payment-requests"]] {
        finish(without_authorities(&mut tollgate(folder.path(), &[args, &data].concat()))).succeeded();
    }
    let agent = ["agent", "--listen", "127.0.0.1:0"];
    let agent =
        Process::spawn(without_authorities(&mut tollgate(folder.path(), &[&agent[..], &data].concat())));
    agent.wait_for(|said| said.contains("serving").then_some(()));

    let id = dev.client_id();
    for args in [&["token"][..], &["call", "GET", "/"], &["agent", "--listen", "127.0.0.1:0"]] {
        let mut https = caller(folder.path(), args, "https://localhost:1", id, "a secret");
        let said = fails(without_authorities(&mut https));
        for what in ["no list of trusted authorities", "ca-certificates", "SSL_CERT_FILE"] {
            assert!(said.contains(what), "{args:?}: {said}");
        }
    }
}

#[test]
fn http_beyond_this_machine_needs_the_name_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    // It leads to this machine, and looks as if it did not.
    let url = dev.base_url.replace("127.0.0.1", "0.0.0.0");
    let token = |args: &[&str]| {
        let args = [&["token"][..], args].concat();
        caller(folder.path(), &args, &url, dev.client_id(), dev.client_secret())
    };
    let said = fails(&mut token(&[]));
    assert!(said.contains("must begin with https://") && said.contains("TOLLGATE_ALLOW_HTTP_TO"), "{said}");
    fails(&mut token(&["--allow-http-to", "another"]));
    finish(&mut token(&["--allow-http-to", "another", "--allow-http-to", "0.0.0.0"])).succeeded();
    finish(token(&[]).env("TOLLGATE_ALLOW_HTTP_TO", "another,0.0.0.0")).succeeded();
    // A proxy would see them, and is not asked.
    finish(token(&["--allow-http-to", "0.0.0.0"]).env("HTTP_PROXY", "http://127.0.0.1:1")).succeeded();
    let said = is_misused(&mut token(&["--allow-http-to", "http://0.0.0.0"]));
    assert!(said.contains("--allow-http-to: these must be names of hosts"), "{said}");
    agent_forwards(folder.path(), &url, &dev);
}

fn agent_forwards(folder: &Path, url: &str, dev: &Dev) {
    let args = ["agent", "--listen", "127.0.0.1:0", "--format", "json", "--allow-http-to", "0.0.0.0"];
    let mut command = caller(folder, &args, url, dev.client_id(), dev.client_secret());
    let agent = Process::spawn(&mut command);
    let address = agent.wait_for(|said| {
        let line = said.lines().find(|line| line.contains(r#""msg":"serving""#))?;
        serde_json::from_str::<serde_json::Value>(line).ok()?["listen"].as_str()?.parse().ok()
    });
    let mut connection = crate::harness::Connection::open(address).unwrap();
    let host = address.to_string();
    let head =
        format!("GET /api/v1/payment-requests HTTP/1.1\r\nhost: {host}\r\nx-tollgate-agent: 1\r\n\r\n");
    connection.write(&head).unwrap();
    let answer = connection.answer().unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}
