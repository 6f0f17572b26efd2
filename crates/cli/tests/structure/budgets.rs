//! How long files, functions and crates may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::source::{Crate, crates, flat, name, parse, root, rust_files};

/// Lines of code of each crate: without tests, comments and blank lines.
const CRATES: [(&str, usize); 9] = [
    ("core", 1_500),
    ("store", 4_000),
    ("http", 2_200),
    ("guard", 900),
    ("client", 2_600),
    ("agent", 700),
    ("server", 6_500),
    ("sandbox", 3_500),
    ("cli", 1_800),
];

/// Lines of a file, with everything in it.
const FILE: usize = 400;

/// Lines of a function.
const FUNCTION: usize = 60;

/// What is longer still than it may be, and how long it may be until then. This list only gets shorter.
const STILL_OVER: &[(&str, usize)] = &[
    ("agent", 1_150),
    ("cli", 2_200),
    ("client", 4_100),
    ("core", 1_700),
    ("http", 2_850),
    ("sandbox", 4_100),
    ("server", 6_800),
    ("store", 5_100),
    ("crates/server/src/installation.rs", 410),
    ("crates/sandbox/src/playground/actions.rs", 430),
    ("crates/server/src/config/tests.rs", 480),
    ("crates/server/src/log/tests.rs", 440),
    ("crates/server/tests/it/agreement.rs", 420),
    ("crates/server/tests/it/histories.rs", 460),
    ("crates/server/tests/it/idempotency.rs", 440),
    ("crates/server/tests/it/stage.rs", 410),
    ("crates/server/tests/it/token.rs", 520),
    ("crates/store/src/sqlite/tests/opening.rs", 410),
    ("crates/cli/tests/e2e/canary.rs: no_secret_appears_in_any_output_error_metric_or_file", 61),
    ("crates/cli/tests/e2e/postgres.rs: it_is_reached_by_tls_with_a_password_that_nothing_shows", 66),
    ("crates/client/src/secret/aws/signature.rs: requests_of_the_published_suite_have_its_signatures", 61),
    (
        "crates/server/tests/it/agreement.rs: a_configuration_that_is_adopted_first_is_rolled_out_without_one_false_refusal",
        66,
    ),
    ("crates/server/tests/it/canary.rs: everything", 102),
    ("crates/server/tests/it/surface.rs: errors", 70),
    ("crates/server/tests/it/surface.rs: every_refusal_has_this_status_these_headers_and_this_body", 68),
    ("crates/store/src/conformance/transfer.rs: a_row_of_each", 90),
];

#[test]
fn every_crate_keeps_to_its_budget() {
    let budgets = BTreeMap::from(CRATES);
    let lines = crates().into_iter().map(|of| (of.name.clone(), code_lines(&of)));
    check(lines, |name| *budgets.get(name).unwrap_or_else(|| panic!("the crate {name} has no budget")));
}

#[test]
fn no_file_is_over_400_lines() {
    let files = rust_files(&root().join("crates")).into_iter();
    check(files.map(|file| (name(&file), fs::read_to_string(&file).unwrap().lines().count())), |_| FILE);
}

#[test]
fn no_function_is_over_60_lines() {
    let mut functions = Functions::default();
    for file in rust_files(&root().join("crates")) {
        functions.file = name(&file);
        functions.visit_file(&parse(&file));
    }
    check(functions.lines.into_iter(), |_| FUNCTION);
}

/// Holds what has been counted against what is allowed.
fn check(counted: impl Iterator<Item = (String, usize)>, allowed: impl Fn(&str) -> usize) {
    let over: Vec<String> = counted
        .filter(|(name, lines)| {
            let until_then = STILL_OVER.iter().find(|(listed, _)| listed == name);
            *lines > until_then.map_or_else(|| allowed(name), |(_, lines)| *lines)
        })
        .map(|(name, lines)| format!("{name} has {lines} lines, and may have {}", allowed(&name)))
        .collect();
    assert!(over.is_empty(), "{}", over.join("\n"));
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
