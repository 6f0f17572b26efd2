//! `tollgate inspect`.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::harness::{Dev, PATIENCE, Process, SEEN_WITHIN, Serve, eventually, tollgate};

#[test]
fn a_token_says_what_it_is_and_whether_it_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start(&data);
    let (access, refresh) = dev.tokens();
    let shown = inspect(&data, &access);
    assert_eq!(verdict(&shown), (true, "access", ""), "{shown}");
    assert_eq!(shown["header"]["alg"], "HS256");
    assert_eq!(shown["claims"]["sub"], dev.client_id());
    assert_eq!(shown["claims"]["merchant_id"], dev.credentials["merchant_id"]);
    let shown = inspect(&data, &refresh);
    assert_eq!(verdict(&shown), (true, "refresh", ""), "{shown}");
    for pasted in [format!("Bearer {access}"), format!(" bearer   {access}\n")] {
        let shown = inspect(&data, &pasted);
        assert_eq!(verdict(&shown), (true, "access", ""), "{shown}");
    }
}

#[test]
fn a_configuration_that_is_broken_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tollgate.toml"), "x = = y").unwrap();
    let mut command = tollgate(folder.path(), &["inspect"]);
    let finished = Process::spawn_with_input(&mut command, "a.b.c").finish();
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""), "{finished:?}");
    assert!(finished.stderr.contains("tollgate.toml"), "{finished:?}");
}

/// A token is somebody else's text, and this is an operator's terminal.
#[test]
fn a_forged_token_puts_no_control_character_on_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let claims = "{\"iss\":\"\\u001b[2J\\u001b]0;pwn\\u0007\",\"sub\":\"x\\nvalid: as access token\",\"n\u{9b}\":\"\u{202e}\"}";
    let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
    for format in ["text", "json"] {
        let mut command = tollgate(folder.path(), &["inspect", "--format", format]);
        let finished = Process::spawn_with_input(&mut command, &token).finish();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!finished.stdout.chars().chain(finished.stderr.chars()).any(acts), "{finished:?}");
        assert!(!finished.stdout.lines().any(|line| line.starts_with("valid")), "{finished:?}");
    }
}

#[test]
fn a_token_that_was_ended_is_refused_and_what_ended_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start(&data);
    let (access, refresh) = dev.tokens();
    let ended = |by: &str| {
        refused(&inspect(&data, &access), "access", by);
        refused(&inspect(&data, &refresh), "refresh", by);
    };
    dev.admin(&["merchant", "disable", dev.merchant_id()]);
    ended("its merchant was disabled");
    dev.admin(&["client", "disable", dev.client_id()]);
    ended("its client was disabled");
    dev.admin(&["client", "delete", dev.client_id()]);
    ended("its client was deleted");
    dev.admin(&["key", "rotate", "--compromised"]);
    for token in [&access, &refresh] {
        refused(&inspect(&data, token), "", "retired or compromised");
    }
}

#[test]
fn what_was_revoked_is_not_called_disabled() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start(&data);
    let tokens = || dev.tokens();
    let ended = |(access, refresh): &(String, String), by: &str| {
        refused(&inspect(&data, access), "access", by);
        refused(&inspect(&data, refresh), "refresh", by);
    };
    let first = tokens();
    let revoked = "all tokens of its client were revoked after it was issued";
    dev.admin(&["revoke", "--client", dev.client_id()]);
    ended(&first, revoked);
    let fresh = || {
        eventually("the server knows of it", SEEN_WITHIN, || {
            let fresh = tokens();
            (inspect(&data, &fresh.0)["accepted"] == true).then_some(fresh)
        })
    };
    let second = fresh();
    let networks = ["client", "update", dev.client_id(), "--allow-from", "127.0.0.0/8"];
    dev.admin(&networks);
    ended(&second, "its client was given other networks after it was issued");
    ended(&first, revoked);
    let third = fresh();
    // The same networks again are no change.
    dev.admin(&networks);
    assert_eq!(verdict(&inspect(&data, &third.0)), (true, "access", ""));
    dev.admin(&["revoke", "--merchant", dev.merchant_id()]);
    ended(&third, "all tokens of its merchant's clients were revoked after it was issued");
    ended(&first, revoked);
}

#[test]
fn a_token_of_a_merchant_that_was_deleted_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start(&data);
    let (access, refresh) = dev.tokens();
    dev.admin(&["merchant", "delete", dev.merchant_id()]);
    refused(&inspect(&data, &access), "access", "its merchant was deleted");
    refused(&inspect(&data, &refresh), "refresh", "its merchant was deleted");
    eventually("the server refuses both", SEEN_WITHIN, || {
        let statuses = (dev.api.list(&access, "").status, dev.api.refresh(&refresh).status);
        (statuses == (401, 401)).then_some(())
    });
    assert_eq!(dev.api.token(dev.client_id(), dev.client_secret()).status, 401);
}

#[test]
fn of_secret_and_token_the_one_that_was_revoked_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start(&data);
    let form = format!("client_id={}&client_secret={}", dev.client_id(), dev.client_secret());
    let revoke = |token: &str| {
        let form = format!("{form}&token={token}");
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(dev.api.request("POST", "/oauth2/revoke", &kind, &form).unwrap().status, 200);
    };
    let (single, _) = dev.tokens();
    revoke(&single);
    refused(&inspect(&data, &single), "access", "it was revoked");
    let (access, refresh) = dev.tokens();
    revoke(&refresh);
    refused(&inspect(&data, &refresh), "refresh", "it was revoked");
    refused(&inspect(&data, &access), "access", "the refresh token that it was made with was revoked");
    let (access, refresh) = dev.tokens();
    let secret = dev.admin(&["secret", "list", dev.client_id()])[0]["secret_id"].as_str().unwrap().to_owned();
    dev.admin(&["secret", "revoke", dev.client_id(), &secret]);
    for (token, kind) in [(&access, "access"), (&refresh, "refresh")] {
        refused(&inspect(&data, token), kind, "the secret that it was obtained with was revoked");
    }
}

#[test]
fn an_expired_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start_with(&data, &[("TOLLGATE_TOKENS__ACCESS_TTL", "1s")]);
    let (access, _) = dev.tokens();
    let shown = eventually("the token expires", PATIENCE, || {
        let shown = inspect(&data, &access);
        (shown["accepted"] == false).then_some(shown)
    });
    refused(&shown, "access", "expired");
}

#[test]
fn a_foreign_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    let (_dev, other) = (Dev::start(&ours), Dev::start(&theirs));
    let shown = inspect(&ours, &other.tokens().0);
    assert_eq!((&shown["accepted"], &shown["kind"]), (&false.into(), &Value::Null), "{shown}");
    assert_eq!(shown["claims"]["sub"], other.client_id(), "it is decoded all the same");
}

#[test]
fn what_is_no_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let _dev = Dev::start(&data);
    for garbage in ["garbage", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é", &"x".repeat(5000)] {
        let shown = inspect(&data, garbage);
        assert_eq!((&shown["accepted"], &shown["kind"]), (&false.into(), &Value::Null), "{shown}");
        assert!(shown["reason"].is_string(), "{shown}");
    }
}

#[test]
fn a_token_of_a_configured_server_is_checked_as_that_server_would() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), "");
    let serve = Serve::start(folder.path());
    let (access, _) = serve.api.tokens(&client_id, &client_secret);
    let run = |folder: &Path| {
        let mut command = tollgate(folder, &["inspect", "--format", "json"]);
        Process::spawn_with_input(&mut command, &access).finish().json()
    };
    assert_eq!(verdict(&run(folder.path())), (true, "access", ""));
    let elsewhere = run(tempfile::tempdir().unwrap().path());
    assert_eq!(elsewhere["accepted"], false, "nothing vouches for it there: {elsewhere}");
    assert_eq!(elsewhere["claims"]["sub"], client_id.as_str());
}

fn inspect(data: &Path, token: &str) -> Value {
    let args = ["inspect", "--format", "json", "--data", data.to_str().unwrap()];
    let mut command = tollgate(data.parent().unwrap(), &args);
    let finished = Process::spawn_with_input(&mut command, token).finish();
    let shown = finished.json();
    assert_eq!(finished.code, Some(i32::from(shown["accepted"] != true)), "{finished:?}");
    assert_eq!(finished.stderr.lines().count(), usize::from(shown["accepted"] != true), "{finished:?}");
    shown
}

fn verdict(shown: &Value) -> (bool, &str, &str) {
    let text = |name: &str| shown[name].as_str().unwrap_or_default();
    (shown["accepted"] == true, text("kind"), text("reason"))
}

fn refused(shown: &Value, kind: &str, reason: &str) {
    let (accepted, found, why) = verdict(shown);
    assert!(!accepted && found == kind && why.contains(reason), "{shown}");
}
