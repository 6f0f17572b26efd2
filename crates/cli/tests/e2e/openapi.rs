//! The description of the API: that it is OpenAPI 3.1, that the program prints what it serves, and that the server is as
//! it says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{Api, Connection, Dev, Serve, finish, tollgate};

/// The file that people write and read.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.yaml");
const CONFORMANCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/conformance");

/// What the program prints in a folder, and where it was written down.
fn printed(folder: &Path) -> (Value, PathBuf) {
    let printed = finish(&mut tollgate(folder, &["openapi"])).succeeded().stdout;
    let file = folder.join("openapi.json");
    std::fs::write(&file, &printed).unwrap();
    (serde_json::from_str(&printed).unwrap(), file)
}

#[test]
fn the_program_prints_what_dev_serves() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let (printed, _) = printed(folder.path());
    let in_json = finish(&mut tollgate(folder.path(), &["openapi", "--format", "json"])).succeeded().json();
    assert_eq!(in_json, printed);
    let served = dev.api.get("/openapi.json").body.replace(&dev.base_url, "http://127.0.0.1:8080");
    assert_eq!(serde_json::from_str::<Value>(&served).unwrap(), printed);
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
fn the_file_is_openapi_3_1_and_each_of_its_examples_fits_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    for file in [Path::new(FILE), &printed(folder.path()).1] {
        let mut python = Command::new(installed("python"));
        let output = python.arg(format!("{CONFORMANCE}/validate.py")).arg(file).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).trim_end().ends_with(" examples"), "{}", said(&output));
    }
}

/// The examples that no operation answers itself.
#[test]
fn the_edge_answers_its_examples() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("TOLLGATE_LIMITS__HEAD_TIMEOUT", "200ms")];
    let dev = Dev::start_with(&folder.path().join("data"), &settings);
    let (document, _) = printed(folder.path());
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(17 * 1024));
    let head = &document["components"]["responses"]["HeadersTooLarge"]["content"]["application/json"];
    let example = |name: &str| &document["components"]["examples"][name]["value"];
    for (sent, status, example) in [
        ("no HTTP\r\n\r\n", 400, example("MalformedRequest")),
        ("GET / HTTP/1.1\r\n", 408, example("HeadTimeout")),
        (&long, 431, &head["examples"]["head"]["value"]),
    ] {
        assert_eq!(answered(dev.api, sent), (status, example.clone()));
    }
    drop(dev);
    let dev = Dev::start_with(&folder.path().join("data"), &[("TOLLGATE_LIMITS__MAX_CONNECTIONS", "1")]);
    let mut first = Connection::open(dev.api.0).unwrap();
    assert_eq!(first.request("GET", "/healthz", &[], "").unwrap().status, 200);
    let second = answered(dev.api, "GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(second, (503, example("TooManyConnections").clone()));
}

/// The answer to what a new connection sends.
fn answered(api: Api, sent: &str) -> (u16, Value) {
    let mut connection = Connection::open(api.0).unwrap();
    // The server may answer and close before it has read everything.
    let _ = connection.write(sent);
    let answer = connection.answer().unwrap();
    (answer.status, answer.json())
}

/// Every check there is, on every operation, with the same requests each time.
#[test]
fn schemathesis_finds_no_difference_between_the_document_and_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let (document, file) = printed(folder.path());
    let data = folder.path().join("data");
    // It authenticates wrongly all the time, which has a test of its own.
    let dev = Dev::start_with(
        &data,
        &[
            ("TOLLGATE_LIMITS__AUTH_FAILURES", "1000000/min"),
            ("TOLLGATE_LIMITS__SOURCE_AUTH_FAILURES", "off"),
        ],
    );
    let create = |name: &str, scope: &str| {
        let create = ["client", "create", "--operator", "--name", name, "--scope", scope];
        let mut create = tollgate(folder.path(), &create);
        create.args(["--format", "json", "--data"]).arg(&data);
        let file = folder.path().join(format!("{name}.json"));
        std::fs::write(&file, finish(&mut create).succeeded().stdout).unwrap();
        file
    };
    let (guard, reader) = (create("guard", "tollgate:verify"), create("reader", "admin:read admin:audit"));
    let mut schemathesis = Command::new(installed("schemathesis"));
    schemathesis.current_dir(folder.path()).arg("run").arg(&file).args(["--url", &dev.base_url]);
    schemathesis.args(["--checks", "all", "--seed", "1", "--max-examples", "20"]);
    // How long a busy machine takes for each example does not matter.
    schemathesis.args(["--generation-database", "none", "--suppress-health-check", "all", "--no-color"]);
    schemathesis.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", CONFORMANCE);
    schemathesis.env("PYTHONDONTWRITEBYTECODE", "1").env("TOLLGATE_DOCUMENT", &file);
    schemathesis.env("TOLLGATE_CREDENTIALS", data.join("credentials.json"));
    schemathesis.env("TOLLGATE_GUARD_CREDENTIALS", &guard).env("TOLLGATE_READER_CREDENTIALS", &reader);
    let output = schemathesis.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("Selected: 43/43"), "{}", said(&output));
    every_operation_was_done(&dev, &document);
}

/// Fails if an operation was refused whatever it was asked, which would be no test of what it answers otherwise.
fn every_operation_was_done(dev: &Dev, document: &Value) {
    let metrics = dev.api.get("/metrics").body;
    // What changes an installation would end the tokens of the rest: it is asked for by who may not, and done in the tests of the
    // server, which hold each answer to its description.
    let changes = |operations: &Value| operations["post"].is_object() && !operations["get"].is_object();
    let paths = document["paths"].as_object().unwrap().iter();
    for (path, _) in paths.filter(|(path, of)| !(path.starts_with("/admin/v1/") && changes(of))) {
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
