//! `tollgate config check` refuses what `serve` refuses.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::{Finished, Serve, fails, finish, tollgate};
use crate::tls::{TLS, make_certificate};

/// Everything that names a file.
const MORE: &str = r#"
    database.url = "postgres://tollgate@127.0.0.1/tollgate?sslmode=disable"
    database.password = "file:db.password"
    telemetry.endpoint = "https://collector.example.com"
    telemetry.headers = ["authorization=env:OTLP_TOKEN"]
"#;

/// A command on the configuration in a folder, of which nothing is seldom meant.
fn on(folder: &Path, command: &[&str]) -> Command {
    let mut command = tollgate(folder, &[command, &["--config", "tollgate.toml"]].concat());
    command.env("TOLLGATE_SANDBOX", "false").env("TOLLGATE_TRUSTED_PROXIES", "127.0.0.1/32");
    command
}

#[test]
fn every_secret_and_certificate_is_read_and_all_that_is_wrong_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    Serve::write_config(path, &format!("{MORE}\n{TLS}"));
    let check = |more: &[&str]| -> Finished {
        finish(on(path, &[&["config", "check"], more].concat()).env("OTLP_TOKEN", "Bearer x"))
    };
    make_certificate(path);
    let write = |name: &str, content: &str, mode: u32| {
        fs::write(path.join(name), content).unwrap();
        fs::set_permissions(path.join(name), Permissions::from_mode(mode)).unwrap();
    };
    write("db.password", "x", 0o600);
    let before = fs::read_dir(path).unwrap().count();
    check(&[]).succeeded();
    assert_eq!(fs::read_dir(path).unwrap().count(), before, "nothing is made");

    let key = fs::read_to_string(path.join("master.key")).unwrap();
    for (content, mode, said) in
        [("zz", 0o600, "64 hexadecimal"), (&"0".repeat(64), 0o600, "master key"), (&*key, 0o644, "0644")]
    {
        // In a folder that others can enter, a mode counts.
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        write("master.key", content, mode);
        let checked = check(&[]);
        assert_eq!((checked.code, checked.stderr.lines().count()), (Some(1), 1), "{checked:?}");
        assert!(checked.stderr.contains(said), "{said}: {checked:?}");
        let served = fails(on(path, &["serve"]).env("OTLP_TOKEN", "Bearer x"));
        assert_eq!(served, checked.stderr);
    }
    for name in ["master.key", "db.password", "key.pem"] {
        fs::remove_file(path.join(name)).unwrap();
    }
    let checked = finish(&mut on(path, &["config", "check"]));
    assert_eq!(checked.code, Some(1), "{checked:?}");
    for wrong in ["master.key", "db.password", "key.pem", "OTLP_TOKEN"] {
        let line = checked.stderr.lines().find(|line| line.contains(wrong));
        assert!(line.is_some_and(|line| line.starts_with("tollgate: ")), "{wrong}: {checked:?}");
    }
    assert!(checked.stdout.contains("https://pay.example.com"), "what is in force is printed: {checked:?}");
    // Where they are not at hand, the settings alone are checked.
    check(&["--settings-only"]).succeeded();
}

#[test]
fn the_file_of_a_store_that_others_can_read_is_refused_as_by_serve() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.path().join("tollgate.db"), Permissions::from_mode(0o644)).unwrap();
    let said = fails(&mut on(folder.path(), &["config", "check"]));
    assert!(said.contains("the store is not used"), "{said}");
    assert_eq!(said, fails(&mut on(folder.path(), &["serve"])));
}
