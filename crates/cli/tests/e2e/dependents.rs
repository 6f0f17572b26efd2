//! The lines by which docs/integrating.md says how to depend on the libraries.

use std::fs;
use std::path::Path;
use std::process::Command;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A crate outside the workspace, made of what the page shows, is compiled without a network.
#[test]
fn a_crate_outside_compiles_by_the_lines_in_the_documentation() {
    let page = fs::read_to_string(Path::new(REPOSITORY).join("docs/integrating.md")).unwrap();
    let (_, section) = page.split_once("\n## Depend on the libraries\n").unwrap();
    let repository = fs::canonicalize(REPOSITORY).unwrap();
    let dependencies = block(section, "toml").replace("../tollgate/", &format!("{}/", repository.display()));

    let folder = tempfile::tempdir().unwrap();
    let manifest =
        format!("[package]\nname = \"dependent\"\nedition = \"2024\"\n\n{dependencies}\n[workspace]\n");
    fs::write(folder.path().join("Cargo.toml"), &manifest).unwrap();
    // The versions that are here already.
    fs::copy(repository.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), block(section, "rust")).unwrap();

    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--quiet"])
        .current_dir(folder.path())
        // What it compiles is kept for the next time.
        .env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/dependent"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{manifest}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// The first block of code in `language`.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let (_, block) = text.split_once(&format!("\n```{language}\n")).unwrap();
    block.split_once("\n```\n").unwrap().0
}
