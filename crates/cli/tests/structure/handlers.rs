//! The functions that routes lead to.

use std::collections::BTreeSet;
use std::path::Path;

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, ExprCall, ExprMethodCall, Macro, Token};

use crate::source::{name, parse, root, rust_files};

/// What routes are made with: axum's functions and methods, the server's own `endpoint`, and `catch_panic` around the
/// endpoints that are called without a router.
const ROUTING: [&str; 9] =
    ["get", "post", "put", "patch", "delete", "any", "fallback", "endpoint", "catch_panic"];

/// The handlers of the server and of what is mounted in it: the module of each if its route names one, and the function.
pub(crate) fn handlers() -> BTreeSet<(String, String)> {
    let mut found = Handlers::default();
    for of in ["server", "console", "sandbox", "portal"] {
        for file in rust_files(&root().join("crates").join(of).join("src")) {
            stem(&name(&file)).clone_into(&mut found.file);
            found.visit_file(&parse(&file));
        }
    }
    found.handlers
}

/// The name of a file's module.
pub(crate) fn stem(file: &str) -> &str {
    Path::new(file).file_stem().and_then(|stem| stem.to_str()).expect("a source file has a name")
}

#[derive(Default)]
struct Handlers {
    file: String,
    handlers: BTreeSet<(String, String)>,
}

impl Handlers {
    /// Takes down what is routed to: a function, or one that a closure calls.
    fn meet(&mut self, routed: &Expr) {
        match routed {
            Expr::Path(path) => self.meet_path(&path.path),
            Expr::Closure(closure) => Called(self).visit_expr(&closure.body),
            Expr::Call(call) => self.meet(&call.func),
            _ => {}
        }
    }

    fn meet_path(&mut self, path: &syn::Path) {
        let mut segments = path.segments.iter().rev().map(|segment| segment.ident.to_string());
        let function = segments.next().expect("a path has a segment");
        let module = segments.next().unwrap_or_else(|| self.file.clone());
        self.handlers.insert((module, function));
    }
}

impl<'ast> Visit<'ast> for Handlers {
    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(function) = &*call.func
            && function.path.segments.last().is_some_and(|last| is_routing(&last.ident))
        {
            call.args.iter().for_each(|routed| self.meet(routed));
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if is_routing(&call.method) {
            call.args.iter().for_each(|routed| self.meet(routed));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let parts = call.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
        for part in parts.into_iter().flatten() {
            Visit::visit_expr(self, &part);
        }
    }
}

/// Meets the functions of other modules that a closure calls.
struct Called<'a>(&'a mut Handlers);

impl<'ast> Visit<'ast> for Called<'_> {
    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(function) = &*call.func
            && function.path.segments.len() > 1
        {
            self.0.meet_path(&function.path);
        }
        visit::visit_expr_call(self, call);
    }
}

fn is_routing(name: &syn::Ident) -> bool {
    ROUTING.iter().any(|routing| name == routing)
}
