//! Who may depend on whom, under which licences, and from where: holds `deny.toml` without cargo-deny.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

/// The part of `deny.toml` that is held here.
#[derive(Deserialize)]
struct Deny {
    bans: Bans,
    licenses: Licences,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

/// A crate that only its wrappers may use.
#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    wrappers: Vec<String>,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[test]
fn a_crate_is_used_only_by_those_that_may() {
    let (metadata, deny) = (metadata(), deny());
    for (user, used) in uses(&metadata) {
        let ban = deny.bans.deny.iter().find(|ban| ban.name == used);
        let allowed = ban.is_none_or(|ban| ban.wrappers.iter().any(|wrapper| wrapper == user));
        assert!(allowed, "{user} uses {used}, which deny.toml leaves to others");
    }
}

#[test]
fn each_of_our_crates_has_its_place() {
    let (metadata, deny) = (metadata(), deny());
    let ours = metadata["workspace_members"].as_array().unwrap();
    for package in packages(&metadata).iter().filter(|package| ours.contains(&package["id"])) {
        let name = text(package, "name");
        // The domain may be used by all, and nothing can use a binary.
        let placed = ["tollgate-auth-core", "tollgate"].contains(&name)
            || deny.bans.deny.iter().any(|ban| ban.name == name);
        assert!(placed, "deny.toml does not say who may use {name}");
    }
}

#[test]
fn every_dependency_has_a_licence_that_we_accept() {
    let (metadata, allowed) = (metadata(), deny().licenses.allow);
    for package in packages(&metadata) {
        let licence = package["license"].as_str().unwrap_or("none");
        assert!(is_accepted(licence, &allowed), "{} is under {licence}", text(package, "name"));
    }
}

#[test]
fn every_dependency_comes_from_a_registry() {
    let metadata = metadata();
    let ours = metadata["workspace_members"].as_array().unwrap();
    for package in packages(&metadata).iter().filter(|package| !ours.contains(&package["id"])) {
        let source = package["source"].as_str().unwrap_or("a folder");
        assert!(source.starts_with("registry+"), "{} comes from {source}", text(package, "name"));
    }
}

#[test]
fn the_guard_brings_no_server_and_no_runtime_to_its_users() {
    let names = brought_by("tollgate-auth-guard");
    assert!(names.iter().any(|name| name == "tollgate-auth-http"), "{names:?}");
    for heavy in [
        "hyper",
        "hyper-util",
        "reqwest",
        "rustls",
        "tokio",
        "tokio-rustls",
        "tollgate-auth-client",
        "tower",
        "tracing",
    ] {
        assert!(!names.iter().any(|name| name == heavy), "{heavy}");
    }
}

#[test]
fn a_guard_in_another_process_brings_no_store_and_no_authority() {
    let names = brought_by("tollgate-auth-guard-remote");
    assert!(names.iter().any(|name| name == "tollgate-auth-client"), "{names:?}");
    for not_its_own in [
        "rusqlite",
        "tokio-postgres",
        "tollgate-auth-portal",
        "tollgate-auth-sandbox",
        "tollgate-auth-server",
        "tollgate-auth-store",
    ] {
        assert!(!names.iter().any(|name| name == not_its_own), "{not_its_own}");
    }
}

/// The names of all crates that this one of ours is built with.
fn brought_by(package: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--locked", "--offline"])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn a_licence_is_accepted_if_one_of_its_alternatives_is_in_full() {
    let allowed = ["MIT", "Apache-2.0", "ISC", "Unicode-3.0"].map(str::to_owned);
    for accepted in [
        "MIT",
        "GPL-2.0 OR MIT",
        "MIT/Apache-2.0",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR MIT",
    ] {
        assert!(is_accepted(accepted, &allowed), "{accepted}");
    }
    for refused in ["none", "", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND MPL-2.0", "GPL-2.0 WITH MIT"]
    {
        assert!(!is_accepted(refused, &allowed), "{refused}");
    }
}

/// Whether an SPDX expression is fulfilled by licences that we accept. `AND` binds closer than `OR`.
fn is_accepted(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest, allowed) && rest.is_empty()
}

fn any(words: &mut &[&str], allowed: &[String]) -> bool {
    let mut accepted = all(words, allowed);
    while let ["OR", rest @ ..] = words {
        *words = rest;
        accepted |= all(words, allowed);
    }
    accepted
}

fn all(words: &mut &[&str], allowed: &[String]) -> bool {
    let mut accepted = one(words, allowed);
    while let ["AND", rest @ ..] = words {
        *words = rest;
        accepted &= one(words, allowed);
    }
    accepted
}

fn one(words: &mut &[&str], allowed: &[String]) -> bool {
    match words {
        ["(", rest @ ..] => {
            *words = rest;
            let accepted = any(words, allowed);
            *words = words.strip_prefix(&[")"]).unwrap_or(&[]);
            accepted
        }
        // An exception only adds permissions.
        [licence, "WITH", _, rest @ ..] | [licence, rest @ ..] => {
            *words = rest;
            allowed.iter().any(|allowed| allowed == licence)
        }
        [] => false,
    }
}

fn deny() -> Deny {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deny.toml");
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What cargo knows of the packages that are built for this machine.
fn metadata() -> Value {
    let cargo = env!("CARGO");
    let version = Command::new(cargo).arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(metadata: &Value) -> &[Value] {
    metadata["packages"].as_array().unwrap()
}

/// Who is built with whom, by name, directly; tests may use what they like.
fn uses(metadata: &Value) -> Vec<(&str, &str)> {
    let names: BTreeMap<&str, &str> =
        packages(metadata).iter().map(|package| (text(package, "id"), text(package, "name"))).collect();
    let mut uses = Vec::new();
    for user in metadata["resolve"]["nodes"].as_array().unwrap() {
        for used in user["deps"].as_array().unwrap() {
            let mut kinds = used["dep_kinds"].as_array().unwrap().iter();
            if kinds.any(|dependency| dependency["kind"] != "dev") {
                uses.push((names[text(user, "id")], names[text(used, "pkg")]));
            }
        }
    }
    assert!(uses.contains(&("tollgate", "tollgate-auth-core")), "{uses:?}");
    uses
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}
