//! `tollgate call`: what arrives, what is printed, and what scripts can go by.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::caller::caller;
use crate::harness::{Dev, Fake, Finished, Process, answer, fails, finish, is_misused, payment, tollgate};

const CREATE: &str = "/api/v1/payment-requests:redirect";

#[test]
fn a_payment_is_created_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join(".tollgate"));
    let call = |args: &[&str]| finish(&mut tollgate(folder.path(), &[&["call"], args].concat()));
    let created = call(&["POST", CREATE, "-d", &payment("CALL1")]).succeeded();
    let created = created.json();
    let url = created["data"]["redirect_url"].as_str().unwrap();
    let shown = call(&["get", &format!("/api/v1/payment-requests/{}", id_of(url))]).succeeded().json();
    assert_eq!(shown["data"]["payment_reference"], "CALL1");
    // A URL is a path, too, where it leads below the base URL.
    assert!(call(&["GET", url]).succeeded().stdout.contains("<html"));

    fs::write(folder.path().join("payment.json"), payment("CALL2")).unwrap();
    call(&["POST", CREATE, "-d", "@payment.json"]).succeeded();
    let mut from_stdin = tollgate(folder.path(), &["call", "POST", CREATE, "-d", "@-"]);
    Process::spawn_with_input(&mut from_stdin, &payment("CALL3")).finish().succeeded();
    assert_eq!(dev.api.list_all(&dev.tokens().0).len(), 3);
}

#[test]
fn with_the_same_key_a_call_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let create = |key: &str, reference: &str, more: &[&str]| {
        let args = ["call", "--data", "data", "POST", CREATE, "--idempotency-key", key, "-d"];
        finish(&mut tollgate(folder.path(), &[&args[..], &[&*payment(reference)], more].concat()))
    };
    let first = create("key 1", "CALL1", &[]).succeeded().stdout;
    let again = create("key 1", "CALL1", &["-i"]).succeeded().stdout;
    let (head, body) = again.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 201 Created\r\n"), "{head}");
    assert!(head.contains("\r\nidempotent-replayed: true"), "{head}");
    assert_eq!(body, first);
    let other = create("key 1", "CALL2", &[]);
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.stderr.contains("422 IDEMPOTENCY_KEY_REUSED, request id "), "{other:?}");
    assert_eq!(dev.api.list_all(&dev.tokens().0).len(), 1);
}

#[test]
fn an_error_is_printed_as_it_is_and_named_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let call = |args: &[&str]| {
        finish(&mut tollgate(folder.path(), &[&["call", "--data", "data", "GET"], args].concat()))
    };
    let path = "/api/v1/payment-requests/0190b7a2-0000-7000-8000-000000000000";
    let missing = call(&[path]);
    assert_eq!(missing.code, Some(1));
    assert_eq!(missing.json()["error"]["code"], "PAYMENT_REQUEST_NOT_FOUND");
    let begins = format!("tollgate: GET {path} answered 404 PAYMENT_REQUEST_NOT_FOUND, request id ");
    assert!(missing.stderr.starts_with(&begins), "{missing:?}");
    assert_eq!(missing.stderr.lines().count(), 1);

    let document = call(&[path, "--format", "json"]);
    assert_eq!((document.code, document.stderr.lines().count()), (Some(1), 1));
    let document = document.json();
    assert_eq!(document["status"], 404);
    assert_eq!(document["headers"]["content-type"], serde_json::json!(["application/json"]));
    assert_eq!(document["body"]["error"]["code"], "PAYMENT_REQUEST_NOT_FOUND");
    drop(dev);

    // The authority has gone, and no token was kept.
    let said = fails(&mut tollgate(folder.path(), &["call", "--data", "data", "GET", path]));
    assert!(said.contains("Connection refused"), "{said}");
    let leftovers = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(leftovers, 1, "the folder of `dev` and nothing else");
}

#[test]
fn wrong_usage_is_told_from_failure_and_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["GET"][..],
        &["GET", "no-slash"],
        &["a b", "/"],
        &["GET", "/", "-H", "no-colon-canary"],
        &["GET", "/", "-H", "Authorization: Bearer canary"],
        &["GET", "/", "-H", "Host: canary.example"],
        &["POST", "/", "-d", "@"],
        &["POST", "/", "--idempotency-key", ""],
        &["POST", "/", "-H", "Idempotency-Key: canary"],
    ] {
        let finished = finish(&mut tollgate(folder.path(), &[&["call"], args].concat()));
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{finished:?}");
        assert!(!finished.stderr.contains("canary"), "{finished:?}");
    }
    let none = caller(folder.path(), &["call", "POST", "/", "-d", "@none"], "http://localhost:1", "x", "y");
    assert!(fails(&mut { none }).contains("none can't be read"));
}

#[test]
fn what_arrives_is_what_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(|_| answer(200, &["x-two: a", "x-two: b"], "caf\u{e9} \u{1f980}\nno newline"));
    let call = |args: &[&str]| called(folder.path(), &fake, args).succeeded();
    let answered =
        call(&["PATCH", "/a/b:c?d=e%20f", "-d", "text", "-H", "Content-Type: text/plain", "-H", "X-A: b"]);
    assert_eq!(answered.stdout, "caf\u{e9} \u{1f980}\nno newline");
    call(&["POST", "/", "-d", r#"{"a":1}"#]);
    let document = call(&["GET", "/", "--format", "json"]).json();
    assert_eq!(document["body"], "caf\u{e9} \u{1f980}\nno newline");
    assert_eq!(document["headers"]["x-two"], serde_json::json!(["a", "b"]));

    let arrived = fake.arrived();
    assert_eq!(arrived[0].line, "PATCH /a/b:c?d=e%20f HTTP/1.1");
    assert_eq!(arrived[0].header("content-type"), Some("text/plain"));
    assert_eq!((arrived[0].header("x-a"), arrived[0].body.as_str()), (Some("b"), "text"));
    assert_eq!(arrived[0].header("authorization"), Some("Bearer canary-token-1"));
    assert_eq!(arrived[0].header("idempotency-key"), None);
    assert_eq!(arrived[1].header("content-type"), Some("application/json"));
    assert_eq!(arrived[1].header("idempotency-key").map(str::len), Some(36), "a UUID");
    assert_eq!((arrived[2].header("content-type"), arrived[2].body.as_str()), (None, ""));
}

#[test]
fn bytes_are_printed_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(|_| {
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n\xff\x00\n\xfe".into()
    });
    let mut raw = caller(folder.path(), &["call", "GET", "/"], &fake.url, "x", "y");
    assert_eq!(raw.output().unwrap().stdout, b"\xff\x00\n\xfe");
    let document: Value = called(folder.path(), &fake, &["GET", "/", "--format", "json"]).succeeded().json();
    assert_eq!(document["body_base64"], "/wAK/g==");
    assert_eq!(document.get("body"), None);
}

#[test]
fn a_token_that_is_refused_is_replaced_and_the_call_sent_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(|request| match request.header("authorization") {
        Some("Bearer canary-token-2") => answer(201, &[], "done"),
        _ => answer(401, &["www-authenticate: Bearer error=\"invalid_token\""], "refused"),
    });
    assert_eq!(called(folder.path(), &fake, &["POST", "/", "-d", "{}"]).succeeded().stdout, "done");
    let arrived = fake.arrived();
    assert_eq!(arrived.len(), 2);
    assert_eq!(arrived[0].header("idempotency-key"), arrived[1].header("idempotency-key"));
    assert_eq!(arrived[0].body, arrived[1].body);

    let always =
        Fake::start(|_| answer(401, &["www-authenticate: Bearer error=\"invalid_token\""], "refused"));
    let refused = called(folder.path(), &always, &["GET", "/"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), "refused"), "{refused:?}");
    assert_eq!(always.arrived().len(), 2, "at most two");
}

#[test]
fn a_token_goes_nowhere_but_to_its_origin() {
    let folder = tempfile::tempdir().unwrap();
    let other = Fake::start(|_| answer(200, &[], "stolen"));
    let location = format!("location: {}/stolen", other.url);
    let fake = Fake::start(move |_| answer(307, &[&location], "moved"));
    let moved = called(folder.path(), &fake, &["GET", "/", "-i"]);
    assert_eq!(moved.code, Some(1), "nothing was done: {moved:?}");
    assert!(moved.stderr.contains("answered 307: redirects are not followed"), "{moved:?}");
    assert!(
        moved.stdout.starts_with("HTTP/1.1 307 ") && moved.stdout.ends_with("\r\n\r\nmoved"),
        "{moved:?}"
    );

    let elsewhere = format!("{}/stolen", other.url);
    let at = fake.url.replace("http://", "http://x@");
    let base = format!("{}/base", fake.url);
    for path in [&*elsewhere, &at, "https://core.example.com/"] {
        let said = is_misused(&mut caller(folder.path(), &["call", "GET", path], &fake.url, "x", "y"));
        assert!(said.contains("a token goes nowhere else"), "{said}");
    }
    for path in ["/../a", "/%2e%2e/a", "/a/../../b"] {
        let said = is_misused(&mut caller(folder.path(), &["call", "GET", path], &base, "x", "y"));
        assert!(said.contains("a token goes nowhere else"), "{said}");
    }
    assert_eq!((other.arrived().len(), fake.arrived().len()), (0, 1));
}

#[test]
fn a_post_that_nobody_answered_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::start(|_| Vec::new());
    let said = fails(&mut caller(folder.path(), &["call", "POST", "/a?b"], &fake.url, "x", "y"));
    let key = fake.arrived()[0].header("idempotency-key").unwrap().to_owned();
    assert!(
        said.contains(&format!("it may have arrived: repeat it with --idempotency-key '{key}'")),
        "{said}"
    );
    let said = fails(&mut caller(folder.path(), &["call", "GET", "/a"], &fake.url, "x", "y"));
    assert!(said.ends_with(": try again\n"), "{said}");
    assert_eq!(fake.arrived().len(), 2);

    let torn = Fake::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".into());
    let half = called(folder.path(), &torn, &["GET", "/"]);
    assert_eq!((half.code, half.stdout.as_str()), (Some(1), "half"));
    assert!(half.stderr.contains("the answer is incomplete"), "{half:?}");

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{nobody}");
    let said = fails(&mut caller(folder.path(), &["call", "GET", "/a"], &nobody, "x", "y"));
    assert!(said.contains(&nobody) && said.contains("Connection refused"), "{said}");
}

#[test]
fn nothing_secret_is_said_however_much_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = r#"{"error":{"code":"canary-token-1","message":"canary-secret"}}"#;
    let fake = Fake::start(move |request| match request.line.as_str() {
        line if line.contains("/torn") => Vec::new(),
        line if line.contains("/no-http") => b"canary-token-1\r\n\r\n".into(),
        _ => answer(
            401,
            &["www-authenticate: Bearer error=\"invalid_token\"", "x-request-id: canary secret"],
            hostile,
        ),
    });
    for (args, url) in [
        (&["call", "GET", "/"][..], &*fake.url),
        (&["call", "POST", "/torn", "-d", "{}"], &fake.url),
        (&["call", "GET", "/no-http"], &fake.url),
        (&["call", "GET", "/"], "http://localhost:1"),
        (&["token"], "http://localhost:1"),
    ] {
        let mut command = caller(folder.path(), args, url, "an-id", "canary-secret");
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1").env("TOLLGATE_LOG__LEVEL", "trace");
        let finished = finish(&mut command);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
        for secret in ["canary-secret", "canary-refresh", "canary-token", "Bearer "] {
            assert!(!finished.stderr.contains(secret), "{finished:?}");
        }
    }
}

fn called(folder: &Path, fake: &Fake, args: &[&str]) -> Finished {
    let mut command: Command =
        caller(folder, &[&["call"], args].concat(), &fake.url, "an-id", "canary-secret");
    finish(&mut command)
}

/// The id at the end of a URL.
fn id_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}
