//! What keeps a server from starting: each is exit code 1 and one line that says what, and what to do.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{Dev, Finished, Serve, fails, faketime_library, finish, tollgate, write_master_key};
use crate::postgres_server::Database;

#[test]
fn a_port_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = fails(&mut tollgate(folder.path(), &["dev", "--listen", &address, "--data", "data"]));
    contains(&said, &[&address, "taken by another process", "choose another"]);
    assert!(!folder.path().join("data").exists(), "nothing is made for a server that can't listen");

    Serve::write_config(folder.path(), "");
    let said = fails(serve(folder.path()).env("TOLLGATE_ADMIN_LISTEN", &address));
    contains(&said, &[&address, "taken by another process", "admin_listen"]);
}

#[test]
fn a_folder_that_cannot_be_made() {
    let folder = tempfile::tempdir().unwrap();
    // Not even root makes a folder in a file.
    fs::write(folder.path().join("file"), "").unwrap();
    contains(&fails(&mut dev(folder.path(), "file")), &["file", "can't be written", "--data"]);
    contains(&fails(&mut dev(folder.path(), "file/data")), &["file/data", "can't be written", "--data"]);

    Serve::write_config(folder.path(), "");
    let said = fails(serve(folder.path()).env("TOLLGATE_DATABASE__URL", "sqlite:file/tollgate.db"));
    contains(&said, &["file/tollgate.db"]);
}

#[test]
fn a_master_key_that_is_gone() {
    let (folder, data) = used_folder();
    fs::remove_file(folder.path().join(data).join("master.key")).unwrap();
    contains(&fails(&mut dev(folder.path(), data)), &["master.key is gone", "restore it"]);
    let said = fails(&mut tollgate(folder.path(), &["client", "list", "--data", data]));
    contains(&said, &["master.key", "restore it"]);
    assert!(!folder.path().join(data).join("master.key").exists(), "no other key is made");
}

#[test]
fn a_master_key_of_another_store() {
    let (folder, data) = used_folder();
    let key = folder.path().join(data).join("master.key");
    fs::remove_file(&key).unwrap();
    write_master_key(&key);
    let said = "not the one that this store is sealed with";
    contains(&fails(&mut dev(folder.path(), data)), &[said]);
    contains(&fails(&mut tollgate(folder.path(), &["client", "list", "--data", data])), &[said]);
}

#[test]
fn a_master_key_that_is_none() {
    let (folder, data) = used_folder();
    fs::write(folder.path().join(data).join("master.key"), "secret\n").unwrap();
    let said = fails(&mut dev(folder.path(), data));
    contains(&said, &["master key can't be read"]);
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn a_master_key_that_others_can_read() {
    let (folder, data) = used_folder();
    let key = folder.path().join(data).join("master.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    // What others can't come near, they can't read.
    for folder in [folder.path(), &folder.path().join(data)] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    contains(&fails(&mut dev(folder.path(), data)), &["master.key", "0644", "chmod 600"]);
}

#[test]
fn a_store_that_is_damaged() {
    let (folder, data) = used_folder();
    let store = folder.path().join(data).join("tollgate.db");
    let whole = fs::read(&store).unwrap();
    assert!(whole.len() > 8192, "the write-ahead log was moved into it");

    let no_database = b"lost+found".repeat(1000);
    let mut torn = whole.clone();
    torn[4096..].fill(0xa5);
    let mut other_program = whole.clone();
    other_program[68..72].fill(7);
    for damaged in [no_database, torn, whole[..5000].to_vec(), other_program] {
        fs::write(&store, &damaged).unwrap();
        contains(&fails(&mut dev(folder.path(), data)), &["tollgate.db", "backup"]);
        assert_eq!(fs::read(&store).unwrap(), damaged, "it is left as it was");
    }

    fs::write(&store, &whole).unwrap();
    Dev::start(&folder.path().join(data));
}

/// By a mistyped path or name a server would start with an empty store, and know no client.
#[test]
fn a_store_that_nobody_made() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    for url in ["sqlite:tolgate.db", &database.url] {
        Serve::write_config(folder.path(), &format!("database.url = \"{url}\""));
        let commands: [&[&str]; 4] = [
            &["serve", "--config", "tollgate.toml"],
            &["merchant", "create", "--name", "Shop"],
            &["client", "list"],
            &["key", "rotate"],
        ];
        for args in commands {
            let said = fails(&mut tollgate(folder.path(), args));
            contains(&said, &["there is no store", "check database.url", "tollgate store migrate"]);
        }
        Serve::make_store(folder.path());
        assert_eq!(Serve::start(folder.path()).admin.get("/readyz").status, 200);
    }
    assert_eq!(database.psql("SELECT count(*) FROM signing_keys"), "1");
    fs::remove_file(folder.path().join("tolgate.db")).unwrap();
    Serve::write_config(folder.path(), "database.url = \"sqlite:tolgate.db\"");
    fails(&mut tollgate(folder.path(), &["merchant", "list"]));
    assert!(!folder.path().join("tolgate.db").exists(), "nothing is made by mistake");
}

#[test]
fn a_setting_that_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    Serve::write_config(folder.path(), "[token]\naccess_ttl = \"5m\"");
    contains(&fails(&mut serve(folder.path())), &["token", "tollgate.toml", "did you mean tokens"]);

    Serve::write_config(folder.path(), "tokens.acess_ttl = \"5m\"");
    contains(&fails(&mut serve(folder.path())), &["tokens.acess_ttl", "did you mean tokens.access_ttl?"]);

    let said = fails(dev(folder.path(), "data").env("TOLLGATE_TOKENS__ACESS_TTL", "5m"));
    contains(&said, &["TOLLGATE_TOKENS__ACESS_TTL", "did you mean TOLLGATE_TOKENS__ACCESS_TTL?"]);
    assert!(!folder.path().join("data").exists());
}

#[test]
fn a_configuration_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    contains(&fails(&mut serve(folder.path())), &["tollgate.toml"]);
}

#[test]
fn a_setting_that_is_not_safe_in_production() {
    let folder = tempfile::tempdir().unwrap();
    Serve::write_config(folder.path(), "");
    let refused = |key: &str, value: &str| fails(serve(folder.path()).env(key, value));
    contains(&refused("TOLLGATE_MASTER_KEY", ""), &["master_key", "not set"]);
    contains(&refused("TOLLGATE_PUBLIC_URL", "http://pay.example.com"), &["public_url", "https"]);
    let open = [("TOLLGATE_LISTEN", "0.0.0.0:0"), ("TOLLGATE_PUBLIC_URL", "http://localhost:8080")];
    contains(&fails(serve(folder.path()).envs(open)), &["listen", "without TLS"]);
    contains(&refused("TOLLGATE_ADMIN_LISTEN", "0.0.0.0:0"), &["admin_listen", "admin_allow_remote"]);
    contains(&refused("TOLLGATE_TOKENS__ACCESS_TTL", "2h"), &["tokens.access_ttl", "1h"]);
    assert!(!folder.path().join("tollgate.db").exists(), "nothing is made for a server that may not start");

    // Without a file the environment alone configures; nothing is in it. The file in this folder is passed over, which is said.
    let refused = finish(&mut tollgate(folder.path(), &["serve"]));
    let lines: Vec<&str> = refused.stderr.lines().collect();
    let begins = [
        "warning: ./tollgate.toml is not read here",
        "tollgate: unsafe: master_key: ",
        "tollgate: unsafe: public_url: ",
        "tollgate: unsafe: listen: ",
    ];
    assert_eq!((refused.code, lines.len()), (Some(1), begins.len()), "{refused:?}");
    assert!(lines.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{refused:?}");
}

#[test]
fn a_master_key_variable_that_is_not_set() {
    let folder = tempfile::tempdir().unwrap();
    Serve::write_config(folder.path(), "");
    let said = fails(serve(folder.path()).env("TOLLGATE_MASTER_KEY", "env:NOWHERE"));
    contains(&said, &["NOWHERE", "not set"]);
}

#[test]
fn a_clock_that_was_never_set() {
    let folder = tempfile::tempdir().unwrap();
    Serve::write_config(folder.path(), "");
    fs::write(folder.path().join("wanted.toml"), "").unwrap();
    let library = faketime_library(folder.path());
    for args in [
        "dev --listen 127.0.0.1:0 --data data",
        "serve --config tollgate.toml",
        "merchant list",
        "apply -f wanted.toml --dry-run",
    ] {
        let mut command = tollgate(folder.path(), &args.split(' ').collect::<Vec<_>>());
        command.envs([("LD_PRELOAD", &*library), ("FAKETIME", "2019-12-31 23:00:00")]);
        contains(&fails(&mut command), &["clock", "before 2020", "set it"]);
    }
}

/// The folder of a `tollgate dev` that has ended, and its name.
fn used_folder() -> (TempDir, &'static str) {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    dev.process.signal("TERM");
    let Finished { code, .. } = dev.process.finish();
    assert_eq!(code, Some(0));
    (folder, "data")
}

fn dev(folder: &Path, data: &str) -> Command {
    tollgate(folder, &["dev", "--listen", "127.0.0.1:0", "--data", data])
}

fn serve(folder: &Path) -> Command {
    tollgate(folder, &["serve", "--config", "tollgate.toml"])
}

fn contains(said: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in: {said}");
}
