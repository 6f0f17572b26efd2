//! How long files, functions and crates may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::handlers::{handlers, stem};
use crate::source::{Crate, crates, flat, name, parse, root, rust_files};

/// Lines of code of each crate: without tests, comments and blank lines.
const CRATES: [(&str, usize); 26] = [
    ("core", 1_500),
    ("clock", 60),
    ("keys", 900),
    ("store", 1_600),
    ("store-sqlite", 3_050),
    ("store-postgres", 3_800),
    ("config", 2_350),
    ("admin", 4_120),
    ("http", 2_200),
    ("edge", 2_600),
    ("guard", 900),
    ("guard-remote", 1_400),
    ("telemetry", 900),
    ("secrets", 2_190),
    ("client", 2_600),
    ("token-file", 200),
    ("agent", 700),
    ("log", 950),
    ("installation", 2_350),
    ("server", 6_350),
    ("console", 5_600),
    ("sandbox", 2_000),
    ("portal", 2_400),
    ("operator", 2_880),
    ("commands", 2_600),
    ("cli", 1_800),
];

/// Lines of a file, with everything in it.
const FILE: usize = 400;

/// Lines of a function.
const FUNCTION: usize = 60;

/// Lines of a function that a route leads to.
const HANDLER: usize = 25;

#[test]
fn every_crate_keeps_to_its_budget() {
    check(crate_lines());
}

#[test]
fn no_file_is_over_400_lines() {
    check(file_lines());
}

#[test]
fn no_function_is_over_60_lines() {
    check(function_lines());
}

#[test]
fn no_handler_is_over_25_lines() {
    let handlers = handlers();
    for (module, function) in
        [("token", "post"), ("revoke", "post"), ("create", "post"), ("playground", "show")]
    {
        assert!(
            handlers.contains(&(module.to_owned(), function.to_owned())),
            "{module}::{function}: {handlers:?}"
        );
    }
    check(handler_lines());
}

/// Something with a budget.
struct Counted {
    name: String,
    lines: usize,
    allowed: usize,
}

/// Holds what has been counted against what is allowed.
fn check(counted: Vec<Counted>) {
    let over: Vec<String> = counted
        .into_iter()
        .filter(|counted| counted.lines > counted.allowed)
        .map(|Counted { name, lines, allowed }| format!("{name} has {lines} lines, and may have {allowed}"))
        .collect();
    assert!(over.is_empty(), "{}", over.join("\n"));
}

fn crate_lines() -> Vec<Counted> {
    let budgets = BTreeMap::from(CRATES);
    let counted = |of: Crate| Counted {
        lines: code_lines(&of),
        allowed: *budgets
            .get(of.name.as_str())
            .unwrap_or_else(|| panic!("the crate {} has no budget", of.name)),
        name: of.name,
    };
    crates().into_iter().map(counted).collect()
}

fn file_lines() -> Vec<Counted> {
    let counted = |file: PathBuf| Counted {
        name: name(&file),
        lines: fs::read_to_string(&file).unwrap().lines().count(),
        allowed: FILE,
    };
    all_files().into_iter().map(counted).collect()
}

fn function_lines() -> Vec<Counted> {
    let mut functions = Functions::default();
    for file in all_files() {
        functions.file = name(&file);
        functions.visit_file(&parse(&file));
    }
    let counted = |(name, lines)| Counted { name, lines, allowed: FUNCTION };
    functions.lines.into_iter().map(counted).collect()
}

/// The files of the workspace, of the benchmarks and of the fuzz targets.
fn all_files() -> Vec<PathBuf> {
    ["crates", "bench/benches", "bench/src", "examples", "fuzz/fuzz_targets"]
        .iter()
        .flat_map(|folder| rust_files(&root().join(folder)))
        .collect()
}

fn handler_lines() -> Vec<Counted> {
    let handlers = handlers();
    let is_handler = |of: &Counted| {
        let (file, function) = of.name.split_once(": ").expect("a function is named after its file");
        let is_served =
            ["crates/server/src/", "crates/console/src/", "crates/sandbox/src/", "crates/portal/src/"]
                .iter()
                .any(|start| file.starts_with(start));
        is_served && handlers.contains(&(stem(file).to_owned(), function.to_owned()))
    };
    function_lines()
        .into_iter()
        .filter(is_handler)
        .map(|of| Counted { name: format!("{} (a handler)", of.name), allowed: HANDLER, ..of })
        .collect()
}

fn code_lines(of: &Crate) -> usize {
    let mut lines = BTreeSet::new();
    for module in of.modules.values().filter(|module| !module.of_a_suite) {
        let items = module
            .items
            .iter()
            .filter(|item| !matches!(item, syn::Item::Mod(item) if item.content.is_some()));
        for token in items.flat_map(|item| flat(item.to_token_stream())) {
            let (first, last) = match &token {
                // What is in it follows.
                TokenTree::Group(group) => (group.span_open().start().line, group.span_open().start().line),
                token => (token.span().start().line, token.span().end().line),
            };
            lines.extend((first..=last).map(|line| (&module.file, line)));
            if let TokenTree::Group(group) = &token {
                lines.insert((&module.file, group.span_close().end().line));
            }
        }
    }
    lines.len()
}

/// The functions that have been met, and how long they are.
#[derive(Default)]
struct Functions {
    file: String,
    lines: Vec<(String, usize)>,
}

impl Functions {
    fn meet(&mut self, name: &syn::Ident, whole: &impl Spanned) {
        let span = whole.span();
        self.lines.push((format!("{}: {name}", self.file), span.end().line + 1 - name.span().start().line));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.meet(&function.sig.ident, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.meet(&function.sig.ident, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        self.meet(&function.sig.ident, function);
        visit::visit_trait_item_fn(self, function);
    }
}
