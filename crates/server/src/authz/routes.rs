//! The table of routes, for proxies that can't state the requirements themselves.

use std::collections::HashMap;

use matchit::Router;
use tollgate_config::{AuthzRoute, without_trailing_slash};
use tollgate_http::Problem;

use super::original::Original;
use super::refused::Refused;
use super::required::Required;
use crate::error::Error;

/// The requirements of each method; `None` stands for all other methods.
type Methods = HashMap<Option<String>, Required>;

/// The requirements of the routes behind the proxy. If there is a table, a route that is not in it is refused.
pub(crate) struct RouteTable {
    paths: Router<Methods>,
    is_empty: bool,
}

impl RouteTable {
    /// Makes the table from the configuration.
    pub(crate) fn new(routes: &[AuthzRoute]) -> Self {
        let mut by_path: Vec<(&str, Methods)> = Vec::new();
        for route in routes {
            let required = Required::new(route.scope.clone(), route.audience.clone(), route.environment);
            let path = route.path_without_slash();
            let place = by_path.iter().position(|(known, _)| *known == path).unwrap_or_else(|| {
                by_path.push((path, Methods::new()));
                by_path.len() - 1
            });
            by_path[place].1.insert(route.method.clone(), required);
        }
        let mut paths = Router::new();
        for (path, methods) in by_path {
            paths.insert(path, methods).expect("the configuration has checked the paths");
        }
        Self { paths, is_empty: routes.is_empty() }
    }

    /// Returns the requirements of the request that a proxy asks about.
    pub(super) fn required(&self, original: Option<&Original<'_>>) -> Result<Required, Refused> {
        if self.is_empty {
            return Ok(Required::default());
        }
        let Some(Original { method, path }) = original else {
            let missing = "X-Forwarded-Uri or X-Original-URI must say which path is asked for, and a trusted proxy must send it";
            return Err(Refused::Unclear(Error::from(Problem::new("path", missing))));
        };
        let found = self.paths.at(without_trailing_slash(path)).map_err(|_| Refused::NoRoute)?;
        let of_others = found.value.get(&None);
        let required = match method {
            Some(method) => found.value.get(&Some(method.as_ref().to_owned())).or(of_others),
            // Without a method, the entry for other methods applies if no method has an entry of its own.
            None if found.value.len() == 1 && of_others.is_some() => of_others,
            None => {
                let missing = "X-Original-Method must say which method is asked for, since the routes of this path differ by it";
                return Err(Refused::Unclear(Error::from(Problem::new("method", missing))));
            }
        };
        required.cloned().ok_or(Refused::NoRoute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: Option<&str>, path: &str, scope: &str) -> AuthzRoute {
        AuthzRoute {
            method: method.map(str::to_owned),
            path: path.to_owned(),
            scope: Some(scope.parse().unwrap()),
            audience: None,
            environment: None,
        }
    }

    fn table() -> RouteTable {
        RouteTable::new(&[
            route(None, "/", "root"),
            route(Some("GET"), "/payments", "read"),
            route(Some("POST"), "/payments/", "write"),
            route(None, "/payments/{id}", "one"),
            route(None, "/payments/{id}/{*rest}", "below"),
            route(None, "/payments/admin", "admin"),
        ])
    }

    fn scope_of(method: &str, path: &str) -> Option<String> {
        let original = Original { method: Some(method.into()), path };
        let required = table().required(Some(&original)).ok()?;
        Some(format!("{:?}", required.requirement))
    }

    #[test]
    fn the_most_exact_route_counts_and_one_that_is_not_there_is_refused() {
        for (method, path, scope) in [
            ("GET", "/", "root"),
            ("GET", "/payments", "read"),
            ("GET", "/payments/", "read"),
            ("POST", "/payments", "write"),
            ("GET", "/payments/1", "one"),
            ("GET", "/payments/1/", "one"),
            ("GET", "/payments/1/a/b", "below"),
            ("DELETE", "/payments/admin", "admin"),
            ("GET", "/payments/admin/", "admin"),
        ] {
            let found = scope_of(method, path).unwrap();
            assert!(found.contains(&format!("\"{scope}\"")), "{method} {path}: {found}");
        }
        for (method, path) in
            [("PUT", "/payments"), ("get", "/payments"), ("GET", "/Payments"), ("GET", "/other")]
        {
            assert_eq!(scope_of(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn without_a_path_nothing_is_decided_by_the_table() {
        assert!(matches!(table().required(None), Err(Refused::Unclear(_))));
        assert!(RouteTable::new(&[]).required(None).is_ok());
    }
}
