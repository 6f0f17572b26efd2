//! Which installation a command acts on: it says so on standard error.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
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
fn who_reads_no_file_in_its_folder_says_that_it_passes_one_over() {
    let folder = tempfile::tempdir().unwrap();
    let ran = |args: &[&str], env: &[(&str, &str)]| {
        let Finished { notes, stderr, .. } = finish(tollgate(folder.path(), args).envs(env.iter().copied()));
        (notes, stderr)
    };
    let by_environment = "note: checking what the environment configures\n";
    let checked = ran(&["config", "check"], &[]);
    assert!(checked.0 == by_environment && !checked.1.contains("tollgate.toml"), "{checked:?}");
    Serve::write_config(folder.path(), "");
    for args in [&["config", "check"][..], &["serve"], &["openapi"]] {
        let passed_over = "warning: ./tollgate.toml is not read here, ";
        let (notes, stderr) = ran(args, &[]);
        assert!(stderr.starts_with(passed_over), "{args:?}: {stderr}");
        assert!(args[0] != "config" || notes == by_environment, "{notes}");
        // Named, it is read: the store is still to be made.
        let named = [("TOLLGATE_CONFIG", "tollgate.toml")];
        let (notes, stderr) = ran(args, &named);
        assert!(!stderr.contains("is not read"), "{args:?}: {stderr}");
        let by_file = "note: checking tollgate.toml, and the environment over it\n";
        assert!(args[0] != "config" || notes == by_file, "{notes}");
    }
}

/// A link that leads to itself: what is behind it can't be looked at, whoever looks.
#[test]
fn what_cant_be_looked_at_is_not_taken_for_absent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let refused = |args: &[&str], env: &[(&str, &str)]| {
        let said = fails(tollgate(path, args).envs(env.iter().copied()));
        assert!(said.contains("symbolic link") || said.contains("symlink loop"), "{args:?}: {said}");
        said
    };
    symlink(".tollgate", path.join(".tollgate")).unwrap();
    assert!(refused(&["merchant", "list"], &[]).contains(".tollgate/tollgate.db can't be read"));
    let said = refused(&["merchant", "list", "--data", ".tollgate"], &[]);
    assert!(said.contains(".tollgate/tollgate.db can't be read"), "{said}");
    assert!(refused(&["token"], &[]).contains(".tollgate/credentials.json"));
    fs::write(path.join("file"), "").unwrap();
    let said = fails(&mut tollgate(path, &["merchant", "list", "--data", "file"]));
    assert!(said.contains("file is no folder of `tollgate dev`"), "{said}");

    fs::create_dir(path.join("data")).unwrap();
    fs::set_permissions(path.join("data"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink("master.key", path.join("data/master.key")).unwrap();
    let said = refused(&["dev", "--data", "data", "--listen", "127.0.0.1:0"], &[]);
    assert!(said.contains("data/master.key can't be read"), "{said}");

    let of = |store, key| [("TOLLGATE_DATABASE__URL", store), ("TOLLGATE_MASTER_KEY", key)];
    Serve::write_config(path, "");
    let said = refused(&["store", "migrate"], &of("sqlite:.tollgate/store.db", "file:master.key"));
    assert!(said.contains(".tollgate/store.db can't be looked at"), "{said}");
    Serve::make_store(path);
    let said = refused(&["merchant", "list"], &of("sqlite:tollgate.db", "file:data/master.key"));
    assert!(!said.contains("restore it"), "{said}");
    let said = fails(tollgate(path, &["merchant", "list"]).envs(of("sqlite:tollgate.db", "file:no.key")));
    assert!(said.contains("restore it"), "{said}");
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
    let id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
    for args in [
        &["merchant", "list"][..],
        &["client", "list"],
        &["client", "list", "--merchant", id],
        &["secret", "list", id],
        &["key", "list"],
        &["key", "export", "--public"],
        &["audit", "list"],
        &["audit", "verify"],
        &["audit", "export"],
        // Nothing is there to be changed either.
        &["client", "disable", id, "--yes"],
        &["revoke", "--client", id],
        &["key", "rotate"],
        &["store", "rekey"],
    ] {
        let said = fails(&mut tollgate(folder.path(), args));
        assert!(
            said.contains("holds no installation yet: start a server on it, or create a merchant"),
            "{args:?}: {said}"
        );
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
