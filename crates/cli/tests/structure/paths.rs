//! What docs/architecture.md says of the way of a request, and of the files of the server.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::imports::{Graph, imports};
use crate::source::{crates, root, rust_files};

/// The most files that somebody has to open who follows a request.
const MOST: usize = 18;

#[test]
fn a_request_passes_at_most_18_files_which_import_each_other() {
    let graph = imports(&crates());
    for title in ["## Path 1: a token request", "## Path 2: a guarded request"] {
        let files = files_of(title, crate_file);
        assert!((10..=MOST).contains(&files.len()), "{title}: {} files: {files:?}", files.len());
        let unknown: Vec<_> = files.iter().filter(|file| !graph.contains_key(*file)).collect();
        assert!(unknown.is_empty(), "{title}: these are not there: {unknown:?}");
        let apart: Vec<_> = files.difference(&joined(&graph, &files)).cloned().collect();
        assert!(apart.is_empty(), "{title}: no import joins these to the others: {apart:?}");
    }
}

#[test]
fn whatever_decides_about_a_request_is_on_its_path() {
    let graph = imports(&crates());
    for (title, room, entrances) in [
        ("## Path 1: a token request", "crates/server/src/oauth/", &["crates/server/src/oauth/token.rs"][..]),
        (
            "## Path 2: a guarded request",
            "crates/guard/src/",
            &["crates/guard/src/layer.rs", "crates/guard/src/verifier.rs"],
        ),
    ] {
        let files = files_of(title, crate_file);
        let imported = entrances.iter().flat_map(|entrance| &graph[*entrance]);
        let missing: BTreeSet<_> =
            imported.filter(|file| file.starts_with(room) && !files.contains(*file)).collect();
        assert!(missing.is_empty(), "{title}: {missing:?}");
    }
}

#[test]
fn the_picture_of_the_server_has_its_files_and_no_others() {
    let shown = files_of("## Inside the server", |name| Some(name.to_owned()));
    let found: BTreeSet<String> = fs::read_dir(root().join("crates/server/src"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| is_source(name))
        .collect();
    assert_eq!(shown, found);
}

/// An auditor who looks up what shows a requirement must find it.
#[test]
fn every_test_that_the_auditors_page_names_is_there() {
    let page = fs::read_to_string(root().join("docs/audit.md")).unwrap();
    let is_a_test = |name: &&str| {
        name.matches('_').count() > 3
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let rows = page.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit_once(" | "));
    let named: BTreeSet<&str> = rows.flat_map(|(_, tests)| tests.split('`').filter(is_a_test)).collect();
    assert!(named.len() > 20, "{named:?}");
    let crates = root().join("crates");
    let mut sources = String::new();
    for file in rust_files(&crates) {
        sources.push_str(&fs::read_to_string(file).unwrap());
    }
    let missing: Vec<_> = named.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The files that a picture names, the first one below this title.
fn files_of(title: &str, file: fn(&str) -> Option<String>) -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let (_, below) = page.split_once(&format!("{title}\n")).unwrap_or_else(|| panic!("{title} is not there"));
    let picture = below.split("```").nth(1).expect("a picture is between fences");
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || "/_.".contains(c);
    let names = picture.split(|c: char| !is_of_a_name(c)).filter(|name| is_source(name));
    names.filter_map(file).collect()
}

fn is_source(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "rs")
}

/// The file of `crate/module.rs`.
fn crate_file(name: &str) -> Option<String> {
    let (of, file) = name.split_once('/')?;
    Some(format!("crates/{of}/src/{file}"))
}

/// Those of the files that imports lead to from the first one, in either direction.
fn joined(graph: &Graph, files: &BTreeSet<String>) -> BTreeSet<String> {
    let mut joined: BTreeSet<String> = files.iter().take(1).cloned().collect();
    loop {
        let is_joined = |file: &&String| {
            graph[*file].iter().any(|imported| joined.contains(imported))
                || joined.iter().any(|other| graph[other].contains(*file))
        };
        let more: Vec<String> =
            files.iter().filter(|file| !joined.contains(*file)).filter(is_joined).cloned().collect();
        if more.is_empty() {
            return joined;
        }
        joined.extend(more);
    }
}
