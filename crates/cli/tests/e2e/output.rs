//! What the command line prints, where nobody can read it.

use crate::commands::installation;
use crate::harness::{finish, shell, tollgate};

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let (folder, ids) = installation();
    let show = format!("client show {}", ids.client);
    for command in [
        "merchant list",
        "merchant list --format json",
        &show,
        "key list",
        "inspect",
        "inspect --format json",
        "config check --config tollgate.toml",
        "config check --config tollgate.toml --format json",
    ] {
        let script =
            format!(r#"echo a.b.c | "$TOLLGATE" {command} 2>failure >/dev/full; echo $?; tail -n 1 failure"#);
        let said = finish(&mut shell(folder.path(), &script)).succeeded().stdout;
        let (code, said) = said.split_once('\n').unwrap();
        assert_eq!(code, "1", "{command}: {said}");
        assert!(said.starts_with("tollgate: standard output can't be written"), "{command}: {said}");
    }
}

#[test]
fn a_new_secret_that_cannot_be_written_is_named_so_that_it_can_be_revoked() {
    let (folder, ids) = installation();
    let create_client = format!("client create --merchant {} --name shop", ids.merchant);
    let create_secret = format!("secret create {}", ids.client);
    for command in [create_client, create_secret] {
        let script = format!(
            r#""$TOLLGATE" {command} --format json 2>failure >/dev/full; echo $?; tail -n 1 failure"#
        );
        let said = finish(&mut shell(folder.path(), &script)).succeeded().stdout;
        let (code, said) = said.split_once('\n').unwrap();
        assert_eq!(code, "1", "{command}: {said}");
        assert!(said.starts_with("tollgate: standard output can't be written"), "{command}: {said}");
        let (_, revoke) = said.trim_end().rsplit_once("`tollgate ").unwrap();
        let revoke: Vec<&str> = revoke.trim_end_matches('`').split(' ').chain(["--yes"]).collect();
        assert_eq!(revoke[..2], ["secret", "revoke"], "{said}");
        finish(&mut tollgate(folder.path(), &revoke)).succeeded();
    }
}
