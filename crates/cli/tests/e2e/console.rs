//! The console: links to sign in by, and a real browser in it.

use std::path::Path;

use crate::documented::blocks_of;
use crate::harness::{Dev, finish, shell, tollgate};
use crate::playground::visits;
use crate::signing_in::{Provider, SECRET};

const OPERATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");

/// One start of the browser for all visits. `TOLLGATE_TEST_BROWSER=skip` leaves it out.
#[test]
#[expect(clippy::disallowed_methods, reason = "it chooses what is tested and is no setting")]
fn people_administer_in_a_browser_in_every_way() {
    if std::env::var("TOLLGATE_TEST_BROWSER").is_ok_and(|wish| wish == "skip") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let provider = Provider::start();
    let settings = [
        ("TOLLGATE_CONSOLE__OIDC__ISSUER", provider.url.as_str()),
        ("TOLLGATE_CONSOLE__OIDC__CLIENT_ID", "tollgate-console"),
        ("TOLLGATE_CONSOLE__OIDC__CLIENT_SECRET", "env:OIDC_SECRET"),
        ("OIDC_SECRET", SECRET),
        ("TOLLGATE_CONSOLE__OIDC__NAME", "Example login"),
        ("TOLLGATE_CONSOLE__OIDC__ROLES", "payments-operations=read support"),
    ];
    let dev = Dev::start_with(&data, &settings);
    let mut console = visits("console.mjs");
    console.env("TMPDIR", folder.path()).env("CONSOLE_URL", &dev.base_url).env("DATA", &data);
    console.env("PROVIDER", &provider.url);
    let said = console.output().expect("node can be run: scripts/test installs it");
    let (stdout, stderr) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success() && stdout.ends_with(" visits\n"), "{stdout}{stderr}");
}

#[test]
fn a_link_is_made_as_the_manual_says_and_stands_in_the_trail_without_its_secret() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join(".tollgate"));
    let binaries = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap();
    let [block] = &blocks_of(OPERATIONS, "### In a browser", "sh")[..] else {
        panic!("there is one command")
    };
    let script = format!("set -e; PATH={}:$PATH\n{block}", binaries.display());
    let said = finish(&mut shell(folder.path(), &script)).succeeded().stdout;
    let url = said.lines().find_map(|line| line.strip_prefix("url ")).unwrap().trim().to_owned();
    assert!(url.starts_with(&format!("{}/console/sign-in?link=", dev.base_url)), "{said}");
    assert!(said.contains("ada@example.com") && said.contains("read support"), "{said}");

    let end = ["console", "sign-out", "--yes", "--reason", "T-1", "--data", ".tollgate"];
    finish(&mut tollgate(folder.path(), &end)).succeeded();
    let list = ["audit", "list", "--act", "console.", "--data", ".tollgate", "--format", "json"];
    let trail = finish(&mut tollgate(folder.path(), &list)).succeeded().stdout;
    let (_, secret) = url.split_once("link=").unwrap();
    assert!(!trail.contains(secret), "{trail}");
    for part in [
        r#""act":"console.link""#,
        r#""scope":"admin:read admin:support""#,
        r#""act":"console.sign-out""#,
        "T-1",
    ] {
        assert!(trail.contains(part), "{part}: {trail}");
    }
    for wrong in [
        &["--role", "admin"][..],
        &["--url", "example.com"],
        &["--url", "https://example.com/x"],
        &["--url", "http://example.com"],
        &["--url", "http://127.0.0.1.example.com:9090"],
    ] {
        let words = [&["console", "link", "--data", ".tollgate"], wrong].concat();
        assert_eq!(finish(&mut tollgate(folder.path(), &words)).code, Some(2), "{wrong:?}");
    }
    let link = |more: &[&str], env: &[(&str, &str)]| {
        let words = [&["console", "link", "--data", ".tollgate"], more].concat();
        finish(tollgate(folder.path(), &words).envs(env.iter().copied()))
    };
    let tunnel = link(&["--url", "http://127.0.0.1:9443"], &[]).succeeded().stdout;
    assert!(tunnel.contains("http://127.0.0.1:9443/console/sign-in?link="), "{tunnel}");
    // Nor is one made that follows from an address which is reached without TLS.
    let exposed = [("TOLLGATE_ADMIN_LISTEN", "192.0.2.1:9090"), ("TOLLGATE_ADMIN_ALLOW_REMOTE", "true")];
    let refused = link(&[], &exposed);
    assert!(
        refused.code == Some(1) && refused.stderr.contains("http://192.0.2.1:9090 would take"),
        "{refused:?}"
    );
    assert!(!refused.stdout.contains("link="), "{refused:?}");
}
