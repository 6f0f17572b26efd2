//! The programs of the reference and of the playground, as they show them, with the packages that they are for, against
//! `tollgate dev`.

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

/// Runs a program of the playground by the commands beside it, in a folder that is beside the repository as they say.
fn runs_by_its_commands(file: &str, commands: impl FnOnce(String) -> String, language: &str) {
    let folder = tempfile::tempdir().unwrap();
    symlink(fs::canonicalize(ROOT).unwrap(), folder.path().join("tollgate")).unwrap();
    let own = folder.path().join("program");
    fs::create_dir(&own).unwrap();
    fs::copy(repository(&format!("examples/snippets/{file}")), own.join(file)).unwrap();
    let shown = fs::read_to_string(repository(&format!("examples/snippets/{language}.sh"))).unwrap();
    // What they export is what the test has set.
    let commands = commands(shown)
        .replace("=http://127.0.0.1:8080", "=\"$TOLLGATE_BASE_URL\"")
        .replace("=00000000-0000-0000-0000-000000000000", "=\"$TOLLGATE_CLIENT_ID\"");
    let (setup, run) = commands.trim_end().rsplit_once('\n').unwrap();
    // What the tools say while they set up is shown if they fail.
    let script = format!(
        "set -eu; exec 3>&1 4>&2 >setup.log 2>&1; trap '[ $? = 0 ] || cat setup.log >&4' EXIT\n{setup}\n\
         exec >&3 2>&4\n{run}"
    );
    let mut program = shell(&own, &script);
    program.env("GOFLAGS", "-mod=mod").env("GOPROXY", "off").env("npm_config_offline", "true");
    creates_and_lists(folder.path(), &mut program);
}

/// With the one file that can be copied: packages/test installs the package.
#[test]
fn the_program_in_python_creates_a_payment_request() {
    let with_the_file = |commands: String| {
        let (copy, rest) = commands.split_once('\n').unwrap();
        let (_, copy) = copy.split_once(": ").unwrap();
        let (install, rest) = rest.split_once('\n').unwrap();
        assert!(install.starts_with("pip install "), "{install}");
        format!("{copy}\n{}", rest.replace("python3 ", &format!("{PYTHON} ")))
    };
    runs_by_its_commands("first.py", with_the_file, "python");
}

#[test]
fn the_program_in_node_creates_a_payment_request() {
    runs_by_its_commands("first.mjs", |commands| commands, "node");
}

/// The name in quotes is that of the file, as the comment beside the commands says.
#[test]
fn the_program_in_node_runs_with_one_file_in_place_of_the_package() {
    let folder = tempfile::tempdir().unwrap();
    let program = fs::read_to_string(repository("examples/snippets/first.mjs")).unwrap();
    let program = program.replace("\"tollgate-auth-client\"", "\"./tollgate-auth-client.cjs\"");
    fs::write(folder.path().join("first.mjs"), program).unwrap();
    fs::copy(repository("packages/node/src/index.cjs"), folder.path().join("tollgate-auth-client.cjs"))
        .unwrap();
    creates_and_lists(folder.path(), Command::new("node").arg(folder.path().join("first.mjs")));
}

#[test]
fn the_program_in_go_creates_a_payment_request() {
    if is_left_out("go", "TOLLGATE_TEST_CALLERS") {
        return;
    }
    runs_by_its_commands("first.go", |commands| commands, "go");
}

#[test]
fn the_program_in_java_creates_a_payment_request() {
    if is_left_out("javac", "TOLLGATE_TEST_CALLERS") {
        return;
    }
    runs_by_its_commands("First.java", |commands| commands, "java");
}

/// By composer, with the package from its folder. What that needs is the system's, so that nothing comes from a registry.
#[test]
fn the_program_in_php_creates_a_payment_request() {
    if is_left_out("composer", "TOLLGATE_TEST_CALLERS") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let of_the_system = ["psr/http-client", "psr/http-message", "guzzlehttp/guzzle"];
    let of_the_system = of_the_system.map(|name| {
        let version = if name == "guzzlehttp/guzzle" { "7.4.5" } else { "1.0.1" };
        serde_json::json!({ "name": name, "version": version, "type": "metapackage" })
    });
    let repositories = serde_json::json!({
        "repositories": [{ "packagist.org": false }, { "type": "package", "package": of_the_system }],
    });
    fs::write(home.path().join("config.json"), repositories.to_string()).unwrap();
    let guzzle = "auto_prepend_file=/usr/share/php/GuzzleHttp/autoload.php\n";
    fs::write(home.path().join("guzzle.ini"), guzzle).unwrap();
    let own = home.path().display();
    let with_the_system = |commands| {
        format!(
            "export COMPOSER_HOME='{own}' COMPOSER_ALLOW_SUPERUSER=1 PHP_INI_SCAN_DIR=':{own}' TMPDIR='{own}'\n{commands}"
        )
    };
    runs_by_its_commands("first.php", with_the_system, "php");
}
