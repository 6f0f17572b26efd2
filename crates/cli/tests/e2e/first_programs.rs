//! The programs of the reference, as it shows them, with the packages that they are for, against `tollgate dev`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::harness::{Dev, finish, shell};
use crate::kept::is_left_out;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const PYTHON: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/verifiers/python/bin/python");

/// Runs a program: it creates a payment request, and finds it in the list.
fn creates_and_lists(folder: &Path, program: &mut Command) {
    let dev = Dev::start(&folder.join("data"));
    program.env("TOLLGATE_BASE_URL", &dev.base_url).env("TOLLGATE_CLIENT_ID", dev.client_id());
    let said = finish(program.env("TOLLGATE_CLIENT_SECRET", dev.client_secret())).succeeded().stdout;
    let (created, listed) = said.split_once('\n').unwrap();
    assert!(created.contains(&format!("{}/pay/", dev.base_url)), "{said}");
    assert!(listed.contains("1250"), "{said}");
}

fn repository(file: &str) -> String {
    format!("{ROOT}/{file}")
}

#[test]
fn the_program_by_curl_creates_a_payment_request() {
    let folder = tempfile::tempdir().unwrap();
    creates_and_lists(folder.path(), Command::new("sh").arg(repository("examples/snippets/call.sh")));
}

#[test]
fn the_program_in_python_creates_a_payment_request() {
    let folder = tempfile::tempdir().unwrap();
    let mut python = Command::new(PYTHON);
    python.env("PYTHONPATH", repository("packages/python/src")).env("PYTHONDONTWRITEBYTECODE", "1");
    creates_and_lists(folder.path(), python.arg(repository("examples/snippets/first.py")));
}

#[test]
fn the_program_in_node_creates_a_payment_request() {
    let folder = tempfile::tempdir().unwrap();
    let modules = folder.path().join("node_modules");
    fs::create_dir(&modules).unwrap();
    symlink(repository("packages/node"), modules.join("tollgate-auth-client")).unwrap();
    let program = folder.path().join("first.mjs");
    fs::copy(repository("examples/snippets/first.mjs"), &program).unwrap();
    creates_and_lists(folder.path(), Command::new("node").arg(program));
}

#[test]
fn the_program_in_go_creates_a_payment_request() {
    if is_left_out("go", "TOLLGATE_TEST_CALLERS") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let package = fs::canonicalize(repository("packages/go")).unwrap();
    let module = format!(
        "module first\n\ngo 1.22\n\nrequire github.com/tollgate-auth/client-go v0.0.0\n\
         replace github.com/tollgate-auth/client-go => {}\n",
        package.display()
    );
    fs::write(folder.path().join("go.mod"), module).unwrap();
    fs::copy(repository("examples/snippets/first.go"), folder.path().join("first.go")).unwrap();
    finish(shell(folder.path(), "go build -o first .").env("GOFLAGS", "-mod=mod")).succeeded();
    creates_and_lists(folder.path(), &mut Command::new(folder.path().join("first")));
}

#[test]
fn the_program_in_java_creates_a_payment_request() {
    if is_left_out("javac", "TOLLGATE_TEST_CALLERS") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let package = repository("packages/java/src/main/java/io/github/tollgateauth/client");
    let program = repository("examples/snippets/First.java");
    let files = ["Tollgate", "TollgateException", "TollgateHttpClient"];
    let files = files.map(|file| format!("'{package}/{file}.java'")).join(" ");
    finish(&mut shell(folder.path(), &format!("javac -d classes {files} '{program}'"))).succeeded();
    creates_and_lists(
        folder.path(),
        Command::new("java").arg("-cp").arg(folder.path().join("classes")).arg("First"),
    );
}
