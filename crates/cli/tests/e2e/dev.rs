//! `tollgate dev`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Deserializer, Value};

use crate::harness::{Dev, SEEN_WITHIN, eventually, finish, shell};

#[test]
fn the_three_printed_calls_work_as_they_are_pasted() {
    let folder = tempfile::tempdir().unwrap();
    // A path that a shell would take apart.
    let dev = Dev::start(&folder.path().join("it's $HOME"));
    let said = dev.process.said();
    let (_, calls) = said.split_once("paste these:").unwrap();
    let answers = finish(&mut shell(folder.path(), calls)).succeeded().stdout;
    let answers: Vec<Value> =
        Deserializer::from_str(&answers).into_iter().collect::<Result<_, _>>().expect("each answer is JSON");
    assert_eq!(answers.len(), 3, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["success"] == true), "{answers:?}");
    assert!(answers[0]["data"]["refresh_token"].is_string(), "{answers:?}");
    assert!(answers[1]["data"]["redirect_url"].as_str().unwrap().starts_with(&dev.base_url), "{answers:?}");
    assert!(answers[2]["data"]["access_token"].is_string(), "{answers:?}");
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
fn first_starts_at_once_make_one_installation() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let started: Vec<Dev> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..3).map(|_| scope.spawn(|| Dev::start(&data))).collect();
        starting.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // Each can be used, and by the client of any other.
    for one in &started {
        for other in &started {
            let credentials = &other.credentials;
            let [id, secret] = ["client_id", "client_secret"].map(|name| credentials[name].as_str().unwrap());
            let answer = one.api.token(id, secret);
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
    // Each takes the tokens of those that started before or after it.
    let tokens: Vec<_> = started.iter().map(Dev::tokens).collect();
    for one in &started {
        for (access, refresh) in &tokens {
            eventually("it has read of the others", SEEN_WITHIN, || {
                let statuses = (one.api.list(access, "").status, one.api.refresh(refresh).status);
                (statuses == (200, 200)).then_some(())
            });
        }
    }
    drop(started);
    Dev::start(&data);
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
    let first = Dev::start(&data);
    // While the first still runs, the second can't be given its port.
    let second = Dev::start(&data);
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
