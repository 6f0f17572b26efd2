//! The lines by which docs/integrating.md and the playground say how to depend on the libraries.

use std::fs;
use std::path::Path;
use std::process::Command;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A crate outside the workspace, made of what the page shows, is compiled without a network.
#[test]
fn a_crate_outside_compiles_by_the_lines_in_the_documentation() {
    let page = fs::read_to_string(Path::new(REPOSITORY).join("docs/integrating.md")).unwrap();
    let (_, section) = page.split_once("\n## Depend on the libraries\n").unwrap();
    let dependencies = block(section, "toml");
    let manifest = format!("[package]\nname = \"dependent\"\nedition = \"2024\"\n\n{dependencies}");
    compiles(&manifest, "lib.rs", block(section, "rust"));
}

/// So is what the playground gives away for Rust.
#[test]
fn the_program_in_rust_compiles_by_the_manifest_beside_it() {
    let snippet =
        |name: &str| fs::read_to_string(Path::new(REPOSITORY).join("examples/snippets").join(name)).unwrap();
    compiles(&snippet("call.toml"), "main.rs", &snippet("call.rs"));
}

/// Compiles a package of one file, whose manifest takes the repository for `../tollgate`.
fn compiles(manifest: &str, file: &str, program: &str) {
    let repository = fs::canonicalize(REPOSITORY).unwrap();
    let manifest =
        manifest.replace("../tollgate/", &format!("{}/", repository.display())) + "\n[workspace]\n";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Cargo.toml"), &manifest).unwrap();
    // The versions that are here already.
    fs::copy(repository.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src").join(file), program).unwrap();

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
