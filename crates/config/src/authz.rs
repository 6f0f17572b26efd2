//! `[[authz.routes]]`: what the routes of the API behind a proxy require.

use serde::{Serialize, Serializer};
use tollgate_core::{Audience, Environment, Scope};
use toml::{Table, Value};

use super::reader::Reader;
use super::redaction::Redacted;

/// A route of the API behind a proxy, and what it requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthzRoute {
    /// The method; `None` for every method that no other entry has.
    pub method: Option<String>,
    /// The path: `/payments/{id}` for any id, `/files/{*rest}` for everything below.
    pub path: String,
    /// The scope that a token must have; `None` if any will do.
    pub scope: Option<Scope>,
    /// The API that a token must be for; `None` for the default audience.
    pub audience: Option<Audience>,
    /// The environment that a token must be for; `None` for either.
    pub environment: Option<Environment>,
}

const EXPECTED: &str = "a table with `path` and, if it likes, `method`, `scope`, `audience` and `env`";
const KEYS: [&str; 5] = ["method", "path", "scope", "audience", "env"];

impl AuthzRoute {
    /// Returns the path without a slash at its end: programs answer `/a/` as `/a`, so both require the same.
    pub fn path_without_slash(&self) -> &str {
        without_trailing_slash(&self.path)
    }

    /// Reads an element of the array; the error says what is wrong with it.
    fn read(value: &Value) -> Result<Self, String> {
        let table = value.as_table().ok_or_else(|| format!("expected {EXPECTED}"))?;
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("unknown key {unknown:?}; expected {EXPECTED}"));
        }
        let path: String =
            parsed(table, "path")?.ok_or_else(|| format!("`path` is missing; expected {EXPECTED}"))?;
        if !path.starts_with('/') {
            return Err(format!("`path` must begin with a slash; found {path:?}"));
        }
        let method: Option<String> = parsed(table, "method")?;
        if let Some(method) = method.as_ref().filter(|method| !is_method(method)) {
            return Err(format!("`method` is a method in capitals; found {method:?}"));
        }
        Ok(Self {
            method,
            path,
            scope: parsed(table, "scope")?,
            audience: parsed(table, "audience")?,
            environment: parsed(table, "env")?,
        })
    }
}

impl Reader {
    /// Reads the table of routes for forward authorization.
    pub(super) fn authz_routes(&mut self, key: &'static str) -> Vec<AuthzRoute> {
        self.elements(key, "an array of tables ([[authz.routes]])", AuthzRoute::read)
    }
}

/// Removes one slash from the end of a path, unless the path is only that slash.
pub fn without_trailing_slash(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(rest) => rest,
    }
}

/// Checks that the routes fit together: each path and method once, and paths that can be told apart.
pub(super) fn check(routes: &[AuthzRoute]) -> Result<(), String> {
    let mut paths = matchit::Router::new();
    let mut seen: Vec<(&str, &Option<String>)> = Vec::new();
    for route in routes {
        let path = route.path_without_slash();
        if seen.contains(&(path, &route.method)) {
            return Err(format!("{} is there twice for one method", route.path));
        }
        if !seen.iter().any(|(known, _)| *known == path) {
            paths.insert(path, ()).map_err(|error| format!("{path} can't be used: {error}"))?;
        }
        seen.push((path, &route.method));
    }
    Ok(())
}

/// Says whether a text is a method. Methods are case-sensitive (RFC 9110 §9.1), and one with small letters is a mistake.
fn is_method(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    table: &Table,
    key: &str,
) -> Result<Option<T>, String> {
    let Some(value) = table.get(key) else { return Ok(None) };
    let text = value.as_str().ok_or_else(|| format!("expected a string as `{key}`"))?;
    text.parse().map(Some).map_err(|error| format!("`{key}` can't be read: {error}; found {text:?}"))
}

impl Redacted for Vec<AuthzRoute> {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            method: Option<&'a str>,
            path: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            scope: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            audience: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            env: Option<&'a str>,
        }
        serializer.collect_seq(self.iter().map(|route| Shown {
            method: route.method.as_deref(),
            path: &route.path,
            scope: route.scope.as_ref().map(Scope::as_str),
            audience: route.audience.as_ref().map(Audience::as_str),
            env: route.environment.map(Environment::as_str),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_contradicts_itself_is_refused() {
        let route = |path: &str| AuthzRoute {
            method: None,
            path: path.to_owned(),
            scope: None,
            audience: None,
            environment: None,
        };
        for paths in [["/a", "/a/"], ["/{a}", "/{b}"], ["/a{b", "/c"], ["/{*a}/b", "/c"]] {
            assert!(check(&paths.map(route)).is_err(), "{paths:?}");
        }
        assert_eq!(check(&["/", "/{a}", "/a", "/{a}/{*rest}"].map(route)), Ok(()));
    }

    #[test]
    fn what_is_wrong_with_a_route_is_named() {
        for (route, expected) in [
            ("x = 1", "unknown key \"x\""),
            ("scope = 'a'", "`path` is missing"),
            ("path = 'a'", "must begin with a slash"),
            ("path = '/a'\nmethod = 'get'", "a method in capitals"),
            ("path = '/a'\nscope = ' '", "`scope` can't be read"),
            ("path = '/a'\nenv = 'prod'", "`env` can't be read"),
            ("path = 1", "expected a string as `path`"),
        ] {
            let table: Table = route.parse().unwrap();
            let error = AuthzRoute::read(&Value::Table(table)).unwrap_err();
            assert!(error.contains(expected), "{route}: {error}");
        }
        assert!(AuthzRoute::read(&Value::Boolean(true)).is_err());
    }
}
