//! What the pages for callers show of `tollgate token` and `tollgate call`: the commands are typed, and answered by what stands there.
//!
//! Values are others each time; the members of answers and the names of headers are compared.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::blocks_of;
use crate::harness::{Dev, finish, payment, shell};

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/client.md");
const INTEGRATING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/integrating.md");

#[test]
fn what_the_pages_for_callers_show_of_commands_is_what_these_answer() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join(".tollgate"));
    fs::write(folder.path().join("payment.json"), payment("PAGES")).unwrap();
    for block in blocks_of(INTEGRATING, "## In ten minutes", "console") {
        let (first, calls) = block.split_once('\n').unwrap();
        assert!(first.starts_with("$ tollgate dev "), "it runs already: {first}");
        type_in(folder.path(), calls);
    }
    // The page shows what a repeat answers.
    let create = "call POST /api/v1/payment-requests:redirect -d @payment.json --idempotency-key order-1";
    run(folder.path(), &format!("tollgate {create}"));
    for block in blocks_of(CLIENT, "## On the command line", "console") {
        type_in(folder.path(), &block);
    }
    drop(dev);
}

fn run(folder: &Path, command: &str) -> Vec<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap().display();
    let done = finish(&mut shell(folder, &format!("PATH={program}:$PATH; {command}")));
    shapes(done.stdout.lines().chain(done.stderr.lines()))
}

fn type_in(folder: &Path, block: &str) {
    for step in block.split("$ ").filter(|step| !step.is_empty()) {
        let (command, shown) = step.split_once('\n').unwrap();
        assert_eq!(run(folder, command), shapes(shown.lines()), "{command}");
    }
}

/// In an order of their own, since that of headers says nothing.
fn shapes<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut shapes: Vec<_> = lines.map(shape).collect();
    shapes.sort();
    shapes
}

fn shape(line: &str) -> String {
    if let Ok(json) = serde_json::from_str(line) {
        return members(json).to_string();
    }
    match line.split_once(": ") {
        Some(("tollgate", _)) => line.rsplit_once(' ').unwrap().0.to_owned(),
        Some((header, _)) => header.to_owned(),
        None if line.starts_with("eyJ") => "TOKEN".to_owned(),
        None => line.to_owned(),
    }
}

/// An answer without its values.
fn members(json: Value) -> Value {
    match json {
        Value::Object(members_of) => members_of.into_iter().map(|(name, of)| (name, members(of))).collect(),
        Value::Array(items) => items.into_iter().map(members).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Value::Null,
    }
}
