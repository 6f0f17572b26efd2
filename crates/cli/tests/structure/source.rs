//! The sources, parsed: which module is in which file, without what only tests compile.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item};

/// Where a module is below its crate: empty for the crate's root.
pub(crate) type ModulePath = Vec<String>;

/// A module, with what is in it itself.
pub(crate) struct Module {
    /// The file that it is in, below the repository.
    pub(crate) file: String,
    pub(crate) items: Vec<Item>,
    /// Whether it belongs to a suite of tests that other crates may run.
    pub(crate) of_a_suite: bool,
}

/// The modules of a crate.
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) modules: BTreeMap<ModulePath, Module>,
}

/// The suites that a feature makes public, for other implementations of what they test.
const SUITES: [&str; 1] = ["conformance"];

/// All crates of the workspace.
pub(crate) fn crates() -> Vec<Crate> {
    let mut folders: Vec<_> =
        fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders.iter().map(|folder| Crate::parse(folder)).collect()
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All Rust files below a folder of the repository.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The name of a file in messages: below the repository.
pub(crate) fn name(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

pub(crate) fn parse(file: &Path) -> syn::File {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

impl Crate {
    fn parse(folder: &Path) -> Self {
        let source = folder.join("src");
        let file = ["lib.rs", "main.rs"].map(|name| source.join(name)).into_iter().find(|file| file.exists());
        let file = file.unwrap_or_else(|| panic!("{} has no root", folder.display()));
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let mut parsed = Self { name, modules: BTreeMap::new() };
        parsed.add_file(Vec::new(), &file, &source, false);
        parsed
    }

    /// Adds the module in `file`, whose own modules are in `folder`.
    fn add_file(&mut self, path: ModulePath, file: &Path, folder: &Path, of_a_suite: bool) {
        let syntax = parse(file);
        if !is_for_tests(&syntax.attrs) {
            self.add(path, syntax.items, file, folder, of_a_suite);
        }
    }

    fn add(&mut self, path: ModulePath, items: Vec<Item>, file: &Path, folder: &Path, of_a_suite: bool) {
        let mut own = Vec::new();
        for item in items.into_iter().filter(|item| !is_for_tests(attributes(item))) {
            let Item::Mod(module) = &item else {
                own.push(item);
                continue;
            };
            let name = module.ident.to_string();
            let of_a_suite = of_a_suite || SUITES.contains(&&*name);
            let folder = folder.join(&name);
            let child: ModulePath = path.iter().cloned().chain([name]).collect();
            if let Some((_, items)) = &module.content {
                self.add(child, items.clone(), file, &folder, of_a_suite);
            } else {
                let beside = folder.with_extension("rs");
                let file = if beside.exists() { beside } else { folder.join("mod.rs") };
                self.add_file(child, &file, &folder, of_a_suite);
            }
            own.push(item);
        }
        self.modules.insert(path, Module { file: name(file), items: own, of_a_suite });
    }
}

/// Whether an item is compiled for tests only.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let tokens = attribute.meta.to_token_stream().to_string();
        attribute.path().is_ident("cfg") && (tokens.contains("(test)") || tokens.contains("(test ,"))
            || attribute.path().is_ident("test")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The tokens of code in their order, groups opened, without doc comments.
pub(crate) fn flat(tokens: TokenStream) -> Vec<TokenTree> {
    let mut flat = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_mark = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '#');
        if is_mark && tokens.next_if(is_documentation).is_some() {
            continue;
        }
        if let TokenTree::Group(group) = &token {
            flat.push(token.clone());
            flat.extend(self::flat(group.stream()));
        } else {
            flat.push(token);
        }
    }
    flat
}

fn is_documentation(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    let first = group.stream().into_iter().next();
    group.delimiter() == Delimiter::Bracket && matches!(first, Some(TokenTree::Ident(name)) if name == "doc")
}
