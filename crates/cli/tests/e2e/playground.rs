//! The playground in a real browser, and the programs that it gives away.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Dev, Serve, finish, tollgate};

const BROWSER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");
const SNIPPETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/snippets");

/// One start of the browser for all visits: it takes longer than most of them. `TOLLGATE_TEST_BROWSER=skip` leaves it out.
#[test]
#[expect(clippy::disallowed_methods, reason = "it chooses what is tested and is no setting")]
fn people_visit_the_playground_in_every_way() {
    if std::env::var("TOLLGATE_TEST_BROWSER").is_ok_and(|wish| wish == "skip") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("dev"));
    let lives = [("TOLLGATE_TOKENS__ACCESS_TTL", "4s"), ("TOLLGATE_TOKENS__REFRESH_TTL", "60s")];
    let short = Dev::start_with(&folder.path().join("short"), &lives);
    let production = folder.path().join("production");
    std::fs::create_dir(&production).unwrap();
    let (id, secret) = Serve::install(&production, "");
    let (live_id, live_secret) = live_client(&production);
    let serve = Serve::start(&production);

    let said = visits("visits.mjs")
        .env("TMPDIR", folder.path())
        .env("DEV_URL", &dev.base_url)
        .env("DEV_ID", dev.client_id())
        .env("DEV_SECRET", dev.client_secret())
        .env("SHORT_URL", &short.base_url)
        .env("SHORT_ID", short.client_id())
        .env("SHORT_SECRET", short.client_secret())
        .env("SERVE_URL", format!("http://{}", serve.api.0))
        .envs([
            ("SERVE_ID", id),
            ("SERVE_SECRET", secret),
            ("LIVE_ID", live_id),
            ("LIVE_SECRET", live_secret),
        ])
        .output()
        .expect("node can be run: scripts/test installs it");
    let (stdout, stderr) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success() && stdout.ends_with(" visits\n"), "{stdout}{stderr}");
}

/// The programs are run as they are copied, by the visits; this one must be compiled first.
#[test]
fn the_program_in_rust_calls_the_api() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().with_file_name("examples").join("snippet");
    assert!(program.exists(), "first build the examples: cargo build --workspace --examples");
    let mut command = Command::new(program);
    command.env_clear().env("TOLLGATE_BASE_URL", &dev.base_url);
    command.env("TOLLGATE_CLIENT_ID", dev.client_id()).env("TOLLGATE_CLIENT_SECRET", dev.client_secret());
    let said = finish(&mut command).succeeded().stdout;
    assert!(said.starts_with(&format!("pay at {}/pay/", dev.base_url)), "{said}");
    assert!(said.ends_with("the latest is of 1250\n"), "{said}");
}

/// A client whose calls would move money.
fn live_client(folder: &Path) -> (String, String) {
    let merchants =
        finish(&mut tollgate(folder, &["merchant", "list", "--format", "json"])).succeeded().json();
    let merchant = merchants.to_string();
    let (_, rest) = merchant.split_once("\"merchant_id\":\"").unwrap();
    let create = ["client", "create", "--merchant", &rest[..36], "--name", "till", "--env", "live"];
    let client =
        finish(&mut tollgate(folder, &[&create[..], &["--format", "json"]].concat())).succeeded().json();
    let text = |name: &str| client[name].as_str().unwrap().to_owned();
    (text("client_id"), text("client_secret"))
}

/// A program that visits, with the browser that it drives and the folder of the binary.
pub(crate) fn visits(program: &str) -> Command {
    let chromium = Command::new("sh").args(["-c", "command -v chromium"]).output().unwrap();
    assert!(
        chromium.status.success(),
        "the browser test needs chromium: install it, or set TOLLGATE_TEST_BROWSER=skip"
    );
    let chromium = String::from_utf8(chromium.stdout).unwrap();
    let mut command = Command::new("node");
    command.arg(installed().join(program)).env("CHROMIUM", chromium.trim_end()).env("SNIPPETS", SNIPPETS);
    command.env("BINARIES", Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap());
    command
}

/// Where what drives the browser is installed.
fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    let status = Command::new(Path::new(BROWSER).join("install")).arg(&folder).status().unwrap();
    assert!(status.success(), "npm can install it: scripts/test installs npm");
    folder
}
