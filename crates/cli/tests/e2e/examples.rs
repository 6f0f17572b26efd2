//! The examples of tollgate-auth-client, against a running `tollgate dev`.

use std::process::Command;

use crate::harness::{Dev, Finished, finish};

#[test]
fn the_examples_call_the_api() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let created = run("reqwest", &dev).succeeded().stdout;
    assert!(created.starts_with(&format!("\"{}/pay/", dev.base_url)), "{created}");
    for name in ["tower", "blocking"] {
        let listed = run(name, &dev).succeeded().stdout;
        assert!(listed.starts_with("200 ") && listed.contains("\"amount\":1250"), "{listed}");
    }
}

/// Runs an example. Cargo puts them beside the folder of the tests, and builds them for `cargo test` unless that
/// names targets.
fn run(name: &str, dev: &Dev) -> Finished {
    let tests = std::env::current_exe().unwrap();
    let example = tests.parent().unwrap().with_file_name("examples").join(name);
    assert!(example.exists(), "first build the examples: cargo build --workspace --examples");
    let mut command = Command::new(example);
    command.env_clear().env("TOLLGATE_BASE_URL", &dev.base_url);
    command.env("TOLLGATE_CLIENT_ID", dev.client_id()).env("TOLLGATE_CLIENT_SECRET", dev.client_secret());
    finish(&mut command)
}
