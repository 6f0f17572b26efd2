//! Which file imports which: by `use`, and by paths in the code.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::{Item, UseTree, Visibility};

use crate::source::{Crate, Module, ModulePath, flat};

/// Files, and those that each imports from.
pub(crate) type Graph = BTreeMap<String, BTreeSet<String>>;

/// For each file of the crates the files that it imports from, of its own crate and of the others.
pub(crate) fn imports(crates: &[Crate]) -> Graph {
    let all: BTreeMap<String, Names<'_>> =
        crates.iter().map(|of| (format!("tollgate_{}", of.name.replace('-', "_")), Names::of(of))).collect();
    let mut graph = Graph::new();
    for names in all.values() {
        for (path, module) in &names.of.modules {
            let from = graph.entry(module.file.clone()).or_default();
            for target in names.scopes[path].used(module) {
                from.extend(match all.get(&target[0]) {
                    Some(other) => other.below(&Vec::new(), &target[1..], 0),
                    None => names.file_of(path, &target, 0),
                });
            }
        }
    }
    for (file, imported) in &mut graph {
        imported.remove(file);
    }
    graph
}

/// What a name in a module stands for.
struct Binding {
    name: String,
    /// The path that it was bound to, as it was written.
    target: Vec<String>,
    /// Whether others may use it by the module's path. Such a one alone is no import.
    is_public: bool,
}

/// The names of a module.
struct Scope {
    bindings: Vec<Binding>,
    /// The paths of which everything is bound.
    globs: Vec<Binding>,
    items: HashSet<String>,
    /// The paths of at least two names in the code, and every single name.
    paths: BTreeSet<Vec<String>>,
}

impl Scope {
    fn of(module: &Module) -> Self {
        let mut scope =
            Self { bindings: Vec::new(), globs: Vec::new(), items: HashSet::new(), paths: BTreeSet::new() };
        for item in &module.items {
            match item {
                Item::Use(item) => {
                    let is_public = !matches!(item.vis, Visibility::Inherited);
                    scope.bind(&item.tree, Vec::new(), is_public);
                }
                Item::Mod(_) => {}
                item => {
                    scope.items.extend(name_of(item));
                    scope.paths.extend(paths(flat(item.to_token_stream())));
                }
            }
        }
        scope
    }

    fn bind(&mut self, tree: &UseTree, mut target: Vec<String>, is_public: bool) {
        match tree {
            UseTree::Path(path) => {
                target.push(path.ident.to_string());
                self.bind(&path.tree, target, is_public);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.bind(tree, target.clone(), is_public));
            }
            UseTree::Glob(_) => self.globs.push(Binding { name: "*".to_owned(), target, is_public }),
            UseTree::Name(name) if name.ident == "self" => {
                let name = target.last().cloned().unwrap_or_default();
                self.bindings.push(Binding { name, target, is_public });
            }
            UseTree::Name(name) => {
                target.push(name.ident.to_string());
                self.bindings.push(Binding { name: name.ident.to_string(), target, is_public });
            }
            UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    target.push(rename.ident.to_string());
                }
                self.bindings.push(Binding { name: rename.rename.to_string(), target, is_public });
            }
        }
    }

    /// The paths that the module's own code goes by.
    fn used(&self, module: &Module) -> Vec<Vec<String>> {
        let first: HashSet<&str> = self.paths.iter().map(|path| path[0].as_str()).collect();
        let children: HashSet<String> = module.items.iter().filter_map(module_name).collect();
        let bound =
            self.bindings.iter().filter(|binding| !binding.is_public || first.contains(&*binding.name));
        let globs = self.globs.iter().filter(|glob| !glob.is_public);
        let is_local = |path: &&Vec<String>| {
            path.len() > 1
                && (["crate", "self", "super"].contains(&&*path[0])
                    || children.contains(&path[0])
                    || self.bindings.iter().any(|binding| binding.name == path[0]))
        };
        let spelled = self.paths.iter().filter(is_local).cloned();
        bound.chain(globs).map(|binding| binding.target.clone()).chain(spelled).collect()
    }
}

/// What the names in all modules of a crate stand for.
struct Names<'a> {
    of: &'a Crate,
    scopes: BTreeMap<&'a ModulePath, Scope>,
}

/// How many re-exports are followed. A name that is bound to itself ends there.
const DEEPEST: usize = 16;

impl<'a> Names<'a> {
    fn of(of: &'a Crate) -> Self {
        let scopes = of.modules.iter().map(|(path, module)| (path, Scope::of(module))).collect();
        Self { of, scopes }
    }

    /// The file in which that is defined what `target` names in the module `from`; `None` if it is another crate's.
    fn file_of(&self, from: &ModulePath, target: &[String], depth: usize) -> Option<String> {
        let (first, rest) = target.split_first()?;
        match first.as_str() {
            _ if depth == DEEPEST => None,
            "crate" => self.below(&Vec::new(), rest, depth),
            "self" => self.below(from, rest, depth),
            "super" => {
                let parent = from[..from.len() - 1].to_vec();
                match rest.first().map(String::as_str) {
                    Some("super") => self.file_of(&parent, rest, depth),
                    _ => self.below(&parent, rest, depth),
                }
            }
            _ if self.of.modules.contains_key(&child(from, first)) => self.below(from, target, depth),
            _ => {
                let binding = self.scopes[from].bindings.iter().find(|binding| binding.name == *first)?;
                if binding.target == target {
                    return None;
                }
                let target: Vec<_> = binding.target.iter().chain(rest).cloned().collect();
                self.file_of(from, &target, depth + 1)
            }
        }
    }

    fn below(&self, module: &ModulePath, target: &[String], depth: usize) -> Option<String> {
        self.found(module, target, depth).or_else(|| Some(self.of.modules[module].file.clone()))
    }

    fn found(&self, module: &ModulePath, target: &[String], depth: usize) -> Option<String> {
        let file = || Some(self.of.modules[module].file.clone());
        let Some((first, rest)) = target.split_first() else { return file() };
        let child = child(module, first);
        let scope = &self.scopes[module];
        // A function may have the name of a module that is not public.
        let is_bound = scope.bindings.iter().any(|binding| binding.is_public && binding.name == *first);
        if self.of.modules.contains_key(&child) && !(rest.is_empty() && is_bound) {
            return self.below(&child, rest, depth);
        }
        if scope.items.contains(first) {
            return file();
        }
        if let Some(binding) = scope.bindings.iter().find(|binding| binding.name == *first) {
            let target: Vec<_> = binding.target.iter().chain(rest).cloned().collect();
            return if depth == DEEPEST { None } else { self.file_of(module, &target, depth + 1) };
        }
        scope.globs.iter().find_map(|glob| {
            let target: Vec<_> = glob.target.iter().chain(target).cloned().collect();
            (depth < DEEPEST).then(|| self.file_of(module, &target, depth + 1)).flatten()
        })
    }
}

fn child(module: &ModulePath, name: &str) -> ModulePath {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

fn module_name(item: &Item) -> Option<String> {
    match item {
        Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    }
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// The paths in a row of tokens: names with two colons between them.
fn paths(tokens: Vec<TokenTree>) -> Vec<Vec<String>> {
    let mut paths: Vec<Vec<String>> = Vec::new();
    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ':');
    // How many colons stand right before the token.
    let mut colons = 0;
    let mut is_in_path = false;
    for token in tokens {
        match &token {
            token if is_colon(token) => colons += 1,
            TokenTree::Ident(name) => {
                match paths.last_mut() {
                    Some(path) if is_in_path && colons == 2 => path.push(name.to_string()),
                    _ => paths.push(vec![name.to_string()]),
                }
                (colons, is_in_path) = (0, true);
            }
            _ => (colons, is_in_path) = (0, false),
        }
    }
    paths
}
