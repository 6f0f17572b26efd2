//! Converts the description of the HTTP API from YAML to JSON, so that no server has to read YAML.

use std::fs;
use std::path::Path;

const SOURCE: &str = "../../docs/openapi.yaml";

#[expect(clippy::disallowed_methods, reason = "cargo talks to a build script by the environment")]
fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    let text = fs::read_to_string(SOURCE).unwrap_or_else(|error| panic!("{SOURCE}: {error}"));
    let document: serde_json::Value =
        yaml_serde::from_str(&text).unwrap_or_else(|error| panic!("{SOURCE}: {error}"));
    let folder = std::env::var_os("OUT_DIR").expect("cargo names a folder for what is built");
    fs::write(Path::new(&folder).join("openapi.json"), document.to_string())
        .expect("the folder can be written");
}
