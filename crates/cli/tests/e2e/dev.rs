//! `tollgate dev`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Dev, Process, fails, finish, shell, tollgate};
use crate::kept::is_left_out;

fn the_three_printed_calls_work_as_they_are_pasted_into(shell: &str) {
    if is_left_out(shell, "TOLLGATE_TEST_SHELLS") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // A path that a shell would take apart.
    let dev = Dev::start(&folder.path().join("it's $HOME"));
    let said = dev.process.said();
    let (_, calls) = said.split_once("in this folder:").unwrap();
    // The log may have begun behind them.
    let is_pasted = |line: &&str| line.starts_with("echo ") || line.starts_with("curl ");
    let calls: Vec<&str> = calls.lines().filter(is_pasted).collect();
    let mut pasted = Command::new(shell);
    pasted.args(["-c", &calls.join("\n")]).current_dir(folder.path()).env("HOME", folder.path());
    let finished = finish(&mut pasted).succeeded();
    assert_eq!(finished.stderr, "", "{finished:?}");
    let answers: Vec<Value> = finished
        .stdout
        .lines()
        .filter(|line| !line.starts_with(|first: char| first.is_ascii_digit()))
        .map(|line| serde_json::from_str(line).expect("each answer is JSON on a line of its own"))
        .collect();
    assert_eq!(answers.len(), 3, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["success"] == true), "{answers:?}");
    assert!(answers[0]["data"]["refresh_token"].is_string(), "{answers:?}");
    assert!(answers[1]["data"]["redirect_url"].as_str().unwrap().starts_with(&dev.base_url), "{answers:?}");
    assert!(answers[2]["data"]["access_token"].is_string(), "{answers:?}");
    assert_eq!(mode(&folder.path().join("it's $HOME/tokens.json")), 0o600);
}

#[test]
fn the_printed_calls_work_in_bash() {
    the_three_printed_calls_work_as_they_are_pasted_into("bash");
}

#[test]
fn the_printed_calls_work_in_zsh() {
    the_three_printed_calls_work_as_they_are_pasted_into("zsh");
}

#[test]
fn the_printed_calls_work_in_fish() {
    the_three_printed_calls_work_as_they_are_pasted_into("fish");
}

#[test]
fn for_a_program_it_prints_one_document_and_its_log_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["dev", "--listen", "127.0.0.1:0", "--data", "data", "--format", "json"];
    let dev = Process::spawn(&mut tollgate(folder.path(), &args));
    let printed: Value = dev.wait_for(|said| serde_json::from_str(said).ok());
    let calls = printed["calls"].as_array().unwrap();
    let called = finish(&mut shell(folder.path(), calls[0]["command"].as_str().unwrap())).succeeded().json();
    assert_eq!((calls.len(), &called["success"]), (3, &Value::Bool(true)));
    let path = printed["credentials"].as_str().unwrap();
    let credentials: Value = serde_json::from_slice(&fs::read(folder.path().join(path)).unwrap()).unwrap();
    assert_eq!(credentials["base_url"], printed["base_url"]);
    dev.signal("TERM");
    let finished = dev.finish();
    assert_eq!((finished.code, finished.json()), (Some(0), printed));
    let logged: Vec<Value> =
        finished.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(logged.iter().any(|line| line["status"] == 200), "{finished:?}");
}

#[test]
fn the_folder_holds_what_a_caller_needs_and_only_its_owner_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start(&data);
    let keys: BTreeSet<&str> = dev.credentials.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["base_url", "client_id", "client_secret", "merchant_id"]));
    assert_eq!(dev.credentials["base_url"], dev.base_url);
    assert_eq!(mode(&data), 0o700);
    for name in ["master.key", "credentials.json", "tollgate.db"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
}

#[test]
fn of_first_starts_at_once_one_serves_and_the_others_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let start = || {
        let args = ["dev", "--listen", "127.0.0.1:0", "--data", "data"];
        Process::spawn(&mut tollgate(folder.path(), &args))
    };
    for _ in 0..4 {
        let started: Vec<Process> = (0..6).map(|_| start()).collect();
        let (mut serving, mut refused) = (Vec::new(), 0);
        for process in started {
            // It prints the calls to paste, or ends.
            if process.wait_for_or_end(|said| said.contains("Tollgate is up at").then_some(())).is_some() {
                serving.push(process);
                continue;
            }
            let finished = process.finish();
            assert_eq!(finished.code, Some(1), "{finished:?}");
            let said = "tollgate: another `tollgate dev` runs on data: use that one";
            assert!(finished.stderr.starts_with(said), "{finished:?}");
            refused += 1;
        }
        assert_eq!((serving.len(), refused), (1, 5));
        finish(&mut tollgate(folder.path(), &["token", "--data", "data"])).succeeded();
    }
    Dev::start(&data).tokens();
}

#[test]
fn a_second_one_leaves_the_credentials_of_the_first_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut first = Dev::start(&data);
    let credentials = fs::read(data.join("credentials.json")).unwrap();
    let args = ["dev", "--listen", "127.0.0.1:0", "--data", "data"];
    let said = fails(&mut tollgate(folder.path(), &args));
    assert!(said.contains("another `tollgate dev` runs on data"), "{said}");
    assert_eq!(fs::read(data.join("credentials.json")).unwrap(), credentials);
    first.tokens();
    first.process.kill();
    Dev::start(&data).tokens();
}

#[test]
fn on_all_interfaces_it_is_called_on_loopback_and_says_what_it_exposes() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start_at(&folder.path().join("data"), "0.0.0.0:0", &[]);
    let port = dev.api.0.port();
    assert_eq!(dev.base_url, format!("http://127.0.0.1:{port}"));
    assert_eq!(dev.credentials["base_url"], dev.base_url);
    let said = dev.process.said();
    assert!(
        said.contains(&format!("It listens on 0.0.0.0:{port}, where other machines reach it: ")),
        "{said}"
    );
    finish(&mut tollgate(folder.path(), &["token", "--data", "data"])).succeeded();
    let list = ["call", "GET", "/api/v1/payment-requests", "--data", "data"];
    finish(&mut tollgate(folder.path(), &list)).succeeded();
    let quiet = Dev::start(&folder.path().join("other")).process.said();
    assert!(!quiet.contains("other machines"), "{quiet}");
}

#[test]
fn links_that_lie_in_wait_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (data, victim) = (folder.path().join("data"), folder.path().join("victim"));
    fs::create_dir(&data).unwrap();
    fs::write(&victim, "the victim's").unwrap();
    for name in ["master.partial", "credentials.partial", "credentials.json"] {
        std::os::unix::fs::symlink(&victim, data.join(name)).unwrap();
    }
    let dev = Dev::start(&data);
    dev.tokens();
    assert_eq!(fs::read(&victim).unwrap(), b"the victim's");
}

#[test]
fn a_second_start_reuses_the_merchant_the_client_and_the_keys() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut first = Dev::start(&data);
    let (access, refresh) = first.tokens();
    let master_key = fs::read(data.join("master.key")).unwrap();
    first.process.kill();

    let second = Dev::start_at(&data, &first.api.0.to_string(), &[]);
    assert_eq!(second.credentials, first.credentials);
    assert_eq!(fs::read(data.join("master.key")).unwrap(), master_key);
    assert_eq!(second.api.list(&access, "").status, 200);
    assert_eq!(second.api.refresh(&refresh).status, 200);
}

#[test]
fn the_credentials_follow_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut first = Dev::start(&data);
    first.process.kill();
    // Another address of this machine, so surely not the one before.
    let second = Dev::start_at(&data, "127.0.0.2:0", &[]);
    assert_ne!(second.base_url, first.base_url);
    assert_eq!(second.credentials["base_url"], second.base_url);
    for name in ["merchant_id", "client_id", "client_secret"] {
        assert_eq!(second.credentials[name], first.credentials[name], "{name}");
    }
}

#[test]
fn a_setting_in_the_environment_counts() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start_with(&folder.path().join("data"), &[("TOLLGATE_TOKENS__ACCESS_TTL", "2s")]);
    let data = dev.api.token(dev.client_id(), dev.client_secret()).data();
    assert_eq!(data["expires_in"], 2);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
