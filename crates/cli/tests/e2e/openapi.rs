//! The description of the API: that the committed copy is what the program prints, that it is OpenAPI 3.1, and that the
//! server is as it says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{Dev, Serve, finish, tollgate};

/// The copy that people read and tools fetch.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
const CONFORMANCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/conformance");

#[test]
fn the_committed_document_is_the_one_that_the_program_prints() {
    let folder = tempfile::tempdir().unwrap();
    let committed = std::fs::read_to_string(COMMITTED).unwrap();
    for args in [&["openapi"][..], &["openapi", "--format", "json"]] {
        let printed = finish(&mut tollgate(folder.path(), args)).succeeded().stdout;
        assert!(printed == committed, "renew it: tollgate openapi > docs/openapi.json");
    }
}

#[test]
fn a_configuration_says_which_server_is_described() {
    let folder = tempfile::tempdir().unwrap();
    Serve::write_config(folder.path(), "");
    let args = ["openapi", "--config", "tollgate.toml"];
    let document = finish(&mut tollgate(folder.path(), &args)).succeeded().json();
    assert_eq!(document["servers"][0]["url"], "https://pay.example.com");
    assert_eq!(document["paths"]["/healthz"]["servers"][0]["url"], "http://127.0.0.1:9090");
    Serve::make_store(folder.path());
    let serve = Serve::start(folder.path());
    assert_eq!(serve.api.get("/openapi.json").json(), document);
}

#[test]
fn the_document_is_openapi_3_1_and_each_of_its_examples_fits_its_schema() {
    let mut python = Command::new(installed("python"));
    let output = python.arg(format!("{CONFORMANCE}/validate.py")).arg(COMMITTED).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).trim_end().ends_with(" examples"), "{}", said(&output));
}

/// Every check there is, on every operation, with the same requests each time.
#[test]
fn schemathesis_finds_no_difference_between_the_document_and_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // It authenticates wrongly all the time, which has a test of its own.
    let dev = Dev::start_with(&data, &[("TOLLGATE_LIMITS__AUTH_FAILURES", "1000000/min")]);
    let mut schemathesis = Command::new(installed("schemathesis"));
    schemathesis.current_dir(folder.path()).args(["run", COMMITTED, "--url", &dev.base_url]);
    schemathesis.args(["--checks", "all", "--seed", "1", "--max-examples", "20"]);
    // What a busy machine takes for each example is no matter of the server's.
    schemathesis.args(["--generation-database", "none", "--suppress-health-check", "all", "--no-color"]);
    schemathesis.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", CONFORMANCE);
    schemathesis.env("PYTHONDONTWRITEBYTECODE", "1").env("TOLLGATE_DOCUMENT", COMMITTED);
    schemathesis.env("TOLLGATE_CREDENTIALS", data.join("credentials.json"));
    let output = schemathesis.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("Selected: 16/16"), "{}", said(&output));
    every_operation_was_done(&dev);
}

/// Fails if an operation was refused whatever it was asked, which would be no test of what it answers otherwise.
fn every_operation_was_done(dev: &Dev) {
    let metrics = dev.api.get("/metrics").body;
    let document: Value = serde_json::from_str(&std::fs::read_to_string(COMMITTED).unwrap()).unwrap();
    for path in document["paths"].as_object().unwrap().keys() {
        let done = metrics.lines().filter(|line| line.contains(&format!("route=\"{path}\"")));
        assert!(
            done.clone().any(|line| line.contains("status=\"2")),
            "{path}: {:?}",
            done.collect::<Vec<_>>()
        );
    }
}

/// A program of the environment that `conformance/install` made.
fn installed(program: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance/bin").join(program);
    assert!(path.exists(), "{} is missing: scripts/test installs it", path.display());
    path
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
