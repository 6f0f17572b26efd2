//! Which installation a command acts on: it says so on standard error.

use std::fs;
use std::path::Path;

use crate::harness::{Dev, Finished, Serve, fails, finish, tollgate};

const CONFIG: (&str, &str) = ("TOLLGATE_CONFIG", "other.toml");

fn notes_of(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> String {
    let Finished { code, notes, stderr, .. } = finish(tollgate(folder, args).envs(env.iter().copied()));
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{args:?} {env:?}");
    notes
}

#[test]
fn a_command_says_which_installation_it_acts_on() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    let dev = Dev::start(&folder.path().join(".tollgate"));
    let config = fs::read_to_string(folder.path().join("tollgate.toml")).unwrap();
    fs::write(folder.path().join("other.toml"), config.replace("sqlite:tollgate.db", "sqlite:./tollgate.db"))
        .unwrap();
    let list = &["client", "list"][..];
    let with = |more: &[&'static str]| [list, more].concat();
    let by_file = "note: acting on sqlite:tollgate.db, as tollgate.toml configures it\n";
    let by_other = "note: acting on sqlite:./tollgate.db, as other.toml configures it\n";
    let by_dev = "note: acting on the dev folder .tollgate\n";
    assert_eq!(notes_of(folder.path(), list, &[]), by_file);
    assert_eq!(notes_of(folder.path(), &with(&["--config", "other.toml"]), &[]), by_other);
    assert_eq!(notes_of(folder.path(), list, &[CONFIG]), by_other);
    assert_eq!(notes_of(folder.path(), &with(&["--config", "tollgate.toml"]), &[CONFIG]), by_file);
    assert_eq!(notes_of(folder.path(), &with(&["--data", ".tollgate"]), &[CONFIG]), by_dev);

    fs::remove_file(folder.path().join("tollgate.toml")).unwrap();
    assert_eq!(notes_of(folder.path(), list, &[]), by_dev);
    let env = [
        ("TOLLGATE_DATABASE__URL", "sqlite:tollgate.db"),
        ("TOLLGATE_MASTER_KEY", "file:master.key"),
        ("TOLLGATE_PUBLIC_URL", "https://pay.example.com"),
    ];
    let by_environment = "note: acting on sqlite:tollgate.db, as the environment configures it\n";
    assert_eq!(notes_of(folder.path(), list, &env), by_environment);
    drop(dev);
}

#[test]
fn every_command_goes_by_tollgate_config_and_by_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = Serve::install(folder.path(), "");
    fs::rename(folder.path().join("tollgate.toml"), folder.path().join("other.toml")).unwrap();
    let env = [
        ("TOLLGATE_DATABASE__URL", "sqlite:tollgate.db"),
        ("TOLLGATE_MASTER_KEY", "file:master.key"),
        ("TOLLGATE_PUBLIC_URL", "https://pay.example.com"),
    ];
    for args in [
        &["merchant", "list"][..],
        &["merchant", "create", "--name", "Shop"],
        &["client", "show", &client],
        &["secret", "list", &client],
        &["key", "list"],
        &["config", "adopt"],
        &["store", "check"],
        &["store", "migrate"],
        &["store", "rekey"],
    ] {
        assert!(notes_of(folder.path(), args, &[CONFIG]).contains("as other.toml configures it"), "{args:?}");
        assert!(notes_of(folder.path(), args, &env).contains("as the environment configures it"), "{args:?}");
    }
    let checked = finish(tollgate(folder.path(), &["config", "check"]).envs([CONFIG]));
    assert!(checked.code == Some(0) && checked.stdout.contains("sqlite:tollgate.db"), "{checked:?}");
    finish(tollgate(folder.path(), &["openapi"]).envs([CONFIG])).succeeded();
    for args in [&["config", "check"][..], &["serve"], &["merchant", "list"], &["inspect"], &["openapi"]] {
        // A file that is not there is not passed over.
        let said = finish(tollgate(folder.path(), args).env("TOLLGATE_CONFIG", "/nonexistent.toml"));
        let is_named = said.stderr.contains("/nonexistent.toml") || args == ["inspect"];
        assert!(said.code == Some(1) && is_named, "{args:?}: {said:?}");
    }
}

#[test]
fn a_command_that_only_shows_something_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    Serve::write_config(folder.path(), "");
    Serve::make_store(folder.path());
    let before = fs::read(folder.path().join("tollgate.db")).unwrap();
    for args in [&["merchant", "list"][..], &["client", "list"], &["key", "list"]] {
        let said = fails(&mut tollgate(folder.path(), args));
        assert!(said.contains("holds no installation yet"), "{said}");
    }
    let said = fails(&mut tollgate(folder.path(), &["store", "verify", "--to", "sqlite:typo.db"]));
    assert!(said.contains("holds no installation"), "{said}");
    assert_eq!(fs::read(folder.path().join("tollgate.db")).unwrap(), before);
    finish(&mut tollgate(folder.path(), &["merchant", "create", "--name", "Shop"])).succeeded();
    let said = fails(&mut tollgate(folder.path(), &["store", "verify", "--to", "sqlite:typo.db"]));
    assert!(said.contains("typo.db does not exist"), "{said}");
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["master.key", "tollgate.db", "tollgate.toml"]);
}
