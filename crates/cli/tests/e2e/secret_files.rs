//! Files with secrets: who else may read them, and who may replace them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{Dev, Serve, fails, finish, tollgate};
use crate::tls::make_certificate;

/// A user and a group that own nothing but what these tests give them.
pub(crate) const USER: u32 = 64_321;
const GROUP: u32 = 64_322;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn is_root(folder: &Path) -> bool {
    fs::metadata(folder).unwrap().uid() == 0
}

/// An installation in a folder that every user can enter.
fn installed(more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), more);
    chmod(folder.path(), 0o755);
    folder
}

/// A command that opens the installation with its master key.
fn opens(folder: &Path) -> Command {
    tollgate(folder, &["merchant", "list", "--config", "tollgate.toml"])
}

/// Lets a command run as another user, who is in one group only. It gets a program of its own: the folders above the one that
/// was built may be closed to it.
pub(crate) fn as_another(command: &Command, folder: &Path) -> Command {
    let program = folder.join("tollgate");
    if !program.exists() {
        fs::copy(command.get_program(), &program).unwrap();
        chmod(&program, 0o755);
    }
    let mut other = Command::new(program);
    other.env_clear().current_dir(folder).args(command.get_args()).uid(USER).gid(GROUP);
    other
}

#[test]
fn a_master_key_is_read_as_kubernetes_mounts_it() {
    let folder = installed("");
    let path = folder.path();
    // The key lies behind two links, and belongs to root and to a group of the process.
    let dated = path.join("mount/..2026_11_28_09_00_00.1");
    fs::create_dir_all(&dated).unwrap();
    fs::rename(path.join("master.key"), dated.join("master.key")).unwrap();
    chmod(&dated.join("master.key"), 0o440);
    symlink("..2026_11_28_09_00_00.1", path.join("mount/..data")).unwrap();
    symlink("..data/master.key", path.join("mount/master.key")).unwrap();
    symlink("mount/master.key", path.join("master.key")).unwrap();
    finish(&mut opens(path)).succeeded();
    if !is_root(path) {
        return;
    }
    for name in ["tollgate.db", "."] {
        chown(path.join(name), Some(USER), Some(GROUP)).unwrap();
    }
    let refused = fails(&mut as_another(&opens(path), path));
    assert!(refused.contains("Permission denied"), "{refused}");
    chown(dated.join("master.key"), Some(0), Some(GROUP)).unwrap();
    for beside in ["tollgate.db-wal", "tollgate.db-shm", "tollgate.db-serving"] {
        // What root's commands have left.
        let _ = fs::remove_file(path.join(beside));
    }
    finish(&mut as_another(&opens(path), path)).succeeded();
    // Root is not in the group, and may read everything; others in it may, too.
    let refused = fails(&mut opens(path));
    assert!(
        refused.contains("belongs to the user") || refused.contains("can be read by the group"),
        "{refused}"
    );
}

#[test]
fn a_secret_that_everybody_may_read_needs_a_private_folder_or_a_switch() {
    let folder = installed("");
    let path = folder.path();
    for mode in [0o444, 0o644] {
        chmod(&path.join("master.key"), mode);
        let refused = fails(&mut opens(path));
        assert!(
            refused.contains(&format!("master.key can be read by others (mode {mode:04o})")),
            "{refused}"
        );
        assert!(refused.contains("TOLLGATE_WORLD_READABLE_SECRETS=true"), "{refused}");
        finish(opens(path).env("TOLLGATE_WORLD_READABLE_SECRETS", "true")).succeeded();
    }
    fs::create_dir(path.join("private")).unwrap();
    chmod(&path.join("private"), 0o700);
    fs::rename(path.join("master.key"), path.join("private/master.key")).unwrap();
    let moved = ("TOLLGATE_MASTER_KEY", "file:private/master.key");
    finish(opens(path).env(moved.0, moved.1)).succeeded();
    chmod(&path.join("private"), 0o755);
    fails(opens(path).env(moved.0, moved.1));
    // Nobody may write it, whatever is said of reading.
    chmod(&path.join("private/master.key"), 0o666);
    let refused = fails(opens(path).env(moved.0, moved.1).env("TOLLGATE_WORLD_READABLE_SECRETS", "true"));
    assert!(refused.contains("can be changed by others (mode 0666)"), "{refused}");
}

#[test]
fn the_password_of_the_database_is_held_to_the_same_rule() {
    let folder = installed("database.url = \"sqlite:tollgate.db\"");
    let path = folder.path();
    fs::write(path.join("password"), "a password").unwrap();
    let command = || {
        let mut command = opens(path);
        command.env("TOLLGATE_DATABASE__URL", "postgres://tollgate@127.0.0.1:1/tollgate?sslmode=disable");
        command.env("TOLLGATE_DATABASE__PASSWORD", "file:password");
        command
    };
    chmod(&path.join("password"), 0o644);
    let refused = fails(&mut command());
    assert!(refused.contains("the password file is not used") && refused.contains("mode 0644"), "{refused}");
    chmod(&path.join("password"), 0o400);
    let refused = fails(&mut command());
    assert!(!refused.contains("password file"), "it is read, and there is no database: {refused}");
}

#[test]
fn a_store_that_others_can_read_or_replace_is_not_opened() {
    let folder = installed("");
    let path = folder.path();
    chmod(&path.join("tollgate.db"), 0o644);
    let refused = fails(&mut opens(path));
    assert!(
        refused.contains("the store is not used") && refused.contains("tollgate.db can be read"),
        "{refused}"
    );
    let refused = fails(&mut tollgate(path, &["serve", "--config", "tollgate.toml"]));
    assert!(refused.contains("the store is not used"), "{refused}");
    chmod(&path.join("tollgate.db"), 0o600);
    fs::create_dir(path.join("keys")).unwrap();
    fs::rename(path.join("master.key"), path.join("keys/master.key")).unwrap();
    let elsewhere = ("TOLLGATE_MASTER_KEY", "file:keys/master.key");
    finish(opens(path).env(elsewhere.0, elsewhere.1)).succeeded();
    chmod(path, 0o777);
    let refused = fails(opens(path).env(elsewhere.0, elsewhere.1));
    assert!(refused.contains("a folder in which others can replace files (mode 0777)"), "{refused}");
    chmod(path, 0o755);
    if is_root(path) {
        chown(path.join("tollgate.db"), Some(USER), None).unwrap();
        let refused = fails(opens(path).env(elsewhere.0, elsewhere.1));
        assert!(refused.contains(&format!("tollgate.db belongs to the user {USER}: chown it")), "{refused}");
    }
}

#[test]
fn the_key_of_the_certificate_is_held_to_the_same_rule() {
    let folder = installed("");
    let path = folder.path();
    make_certificate(path);
    chmod(&path.join("key.pem"), 0o644);
    let mut serve = tollgate(path, &["serve", "--config", "tollgate.toml"]);
    serve.env("TOLLGATE_TLS__CERT", "cert.pem").env("TOLLGATE_TLS__KEY", "key.pem");
    let refused = fails(&mut serve);
    assert!(refused.contains("the key of the certificate is not used"), "{refused}");
    assert!(refused.contains("key.pem can be read by others (mode 0644): chmod 600 it"), "{refused}");
}

#[test]
fn the_credentials_of_a_dev_folder_are_held_to_the_same_rule() {
    let folder = tempfile::tempdir().unwrap();
    chmod(folder.path(), 0o755);
    let data = folder.path().join("data");
    let dev = Dev::start(&data);
    let token = || tollgate(folder.path(), &["token", "--data", "data"]);
    finish(&mut token()).succeeded();
    chmod(&data, 0o755);
    chmod(&data.join("credentials.json"), 0o644);
    let refused = fails(&mut token());
    assert!(refused.contains("the credentials file is not used"), "{refused}");
    drop(dev);
    let refused = fails(&mut tollgate(folder.path(), &["dev", "--listen", "127.0.0.1:0", "--data", "data"]));
    assert!(refused.contains("the credentials file is not used"), "{refused}");
    if is_root(folder.path()) {
        // A folder of somebody who wants root to write into it.
        chown(&data, Some(USER), None).unwrap();
        let refused =
            fails(&mut tollgate(folder.path(), &["dev", "--listen", "127.0.0.1:0", "--data", "data"]));
        assert!(refused.contains(&format!("data is a folder of the user {USER}")), "{refused}");
    }
}

#[test]
fn a_master_key_that_nobody_drew_is_refused() {
    let folder = installed("");
    for key in ["0".repeat(64), "ab".repeat(32)] {
        fs::write(folder.path().join("master.key"), key).unwrap();
        let refused = fails(&mut opens(folder.path()));
        assert!(refused.contains("was not drawn at random"), "{refused}");
    }
}
