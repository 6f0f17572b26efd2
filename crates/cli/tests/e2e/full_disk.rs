//! A server whose disk is full. A limit on the size of files fails a write as that does, and needs no privileges.

use std::path::Path;
use std::process::Command;

use crate::harness::{Process, Serve, fails, payment, shell};

#[test]
fn a_full_disk_answers_503_and_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), "");
    // The store fits when it is new, and not much more.
    let serve = Serve::run(Process::spawn(&mut limited(folder.path(), 600)));
    let (access, refresh) = serve.api.tokens(&client_id, &client_secret);

    let (mut created, mut refused) = (Vec::new(), Vec::new());
    while refused.len() < 3 {
        let key = format!("disk{}", created.len() + refused.len());
        let answer = serve.api.create(&access, &key, &payment(&key)).unwrap();
        if answer.status == 201 {
            created.push(key);
        } else {
            assert_eq!(answer.error(), (503, "IDEMPOTENCY_STORE_UNAVAILABLE".to_owned()));
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
            refused.push(key);
        }
        assert!(created.len() < 10_000, "the disk never filled up");
    }
    assert_eq!(serve.api.token(&client_id, &client_secret).status, 200, "tokens need no disk");
    assert_eq!(serve.api.refresh(&refresh).status, 200);
    assert_eq!(references(&serve, &access), sorted(&created));
    drop(serve);

    let serve = Serve::start(folder.path());
    for key in refused {
        assert_eq!(serve.api.create(&access, &key, &payment(&key)).unwrap().status, 201, "{key} was free");
        created.push(key);
    }
    assert_eq!(references(&serve, &access), sorted(&created));
}

#[test]
fn a_disk_that_is_full_when_the_store_is_made_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    Serve::write_config(folder.path(), "");
    let script = r#"ulimit -f 1; exec "$TOLLGATE" store migrate --config tollgate.toml"#;
    let said = fails(&mut shell(folder.path(), script));
    assert!(said.contains("tollgate.db") && said.contains("SQLite error"), "{said}");
    assert!(!folder.path().join("tollgate.db").exists(), "no half-made store is left");
}

/// The memory that processes share is a file, too, which the first of them makes.
#[test]
fn a_start_on_a_full_disk_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    for command in ["serve", "merchant create --name Shop"] {
        let script = format!(r#"ulimit -f 1; exec "$TOLLGATE" {command} --config tollgate.toml"#);
        let said = fails(&mut shell(folder.path(), &script));
        assert!(
            said.contains("tollgate.db: the disk is full") && said.contains("make room"),
            "{command}: {said}"
        );
    }
    Serve::start(folder.path());
}

/// A server that can't make a file larger than this, in units of 512 bytes.
fn limited(folder: &Path, size: u32) -> Command {
    shell(folder, &format!(r#"ulimit -f {size}; exec "$TOLLGATE" serve --config tollgate.toml"#))
}

fn references(serve: &Serve, access: &str) -> Vec<String> {
    let items = serve.api.list_all(access);
    sorted(items.iter().map(|item| item["payment_reference"].as_str().unwrap()))
}

fn sorted<S: ToString>(texts: impl IntoIterator<Item = S>) -> Vec<String> {
    let mut texts: Vec<String> = texts.into_iter().map(|text| text.to_string()).collect();
    texts.sort();
    texts
}
