//! Reads the settings of an OpenID provider.

use serde::Serializer;
use toml::Value;

use super::reader::Reader;
use super::redaction::Redacted;
use super::texts::{Parsed, is_private, optional, public_url};
use crate::role::Role;

/// The roles of the members of groups, by the name of the group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupRoles(Vec<(String, Vec<Role>)>);

impl GroupRoles {
    /// Lists the groups, with their roles.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Role])> {
        self.0.iter().map(|(group, roles)| (group.as_str(), roles.as_slice()))
    }

    fn read(value: &Value) -> Result<Self, String> {
        let groups: Vec<_> = match value {
            Value::Table(table) => table.iter().map(|(group, roles)| of_file(group, roles)).collect(),
            // A text comes from an environment variable.
            Value::String(text) => {
                text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(of_variable).collect()
            }
            _ => vec![Err(format!("expected {EXPECTED}"))],
        };
        Ok(Self(groups.into_iter().collect::<Result<_, _>>()?))
    }
}

const EXPECTED: &str =
    "a table of groups, each with an array of roles (in the environment: GROUP=ROLE ROLE, …)";
const ISSUER: &str =
    "an https URL (http on loopback only) without user, query and fragment (https://login.example.com)";
const ORIGIN: &str = "https://HOST (http://HOST on loopback only), with a port if need be and without a path";
const SCOPES: &str = "an array of scopes such as \"openid\", which must be one of them";
const CLAIM: &str = "the name of a claim, or a JSON pointer such as \"/realm_access/roles\"";
const LINE: &str = "at most 255 characters, none of which is a control character";

fn of_file(group: &str, roles: &Value) -> Result<(String, Vec<Role>), String> {
    let roles = roles.as_array().ok_or_else(|| format!("expected {EXPECTED}"))?;
    of(group, roles.iter().map(|role| role.as_str().unwrap_or_default()))
}

fn of_variable(text: &str) -> Result<(String, Vec<Role>), String> {
    let (group, roles) = text.rsplit_once('=').ok_or_else(|| format!("expected {EXPECTED}"))?;
    of(group.trim(), roles.split_whitespace())
}

fn of<'a>(group: &str, roles: impl Iterator<Item = &'a str>) -> Result<(String, Vec<Role>), String> {
    let parsed = roles.map(|role| {
        role.parse::<Role>().map_err(|error| format!("group {group:?}: {error}; found {role:?}"))
    });
    match parsed.collect::<Result<Vec<_>, _>>()? {
        _ if group.is_empty() => Err("a group has no name".to_owned()),
        roles if roles.is_empty() => Err(format!("group {group:?} has no role")),
        roles => Ok((group.to_owned(), roles)),
    }
}

impl Redacted for GroupRoles {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.iter()
                .map(|(group, roles)| (group, roles.iter().map(|role| role.name()).collect::<Vec<_>>())),
        )
    }
}

impl Reader {
    /// Reads an origin, under which browsers reach something: a scheme, a host and perhaps a port. Empty if it is not set.
    pub(super) fn origin(&mut self, key: &'static str) -> String {
        self.text(key, |text| {
            let origin = optional(text, public_url).map_err(|_| ORIGIN)?.unwrap_or_default();
            let host = origin.split_once("://").map_or("", |(_, host)| host);
            if host.contains('/') || !(origin.is_empty() || is_private(&origin)) {
                Err(ORIGIN)
            } else {
                Ok(origin)
            }
        })
    }

    /// Reads the issuer of a provider, exactly as it is written; empty if there is none.
    pub(super) fn issuer(&mut self, key: &'static str) -> String {
        self.text(key, |text| optional(text, issuer).map(Option::unwrap_or_default))
    }

    /// Reads a text of one line; empty if it is not set.
    pub(super) fn line(&mut self, key: &'static str) -> String {
        self.text(key, |text| if is_line(text) { Ok(text.to_owned()) } else { Err(LINE) })
    }

    /// Reads the scopes that a provider is asked for (RFC 6749 §3.3).
    pub(super) fn scopes(&mut self, key: &'static str) -> Vec<String> {
        self.parse(key, |value| {
            let is_scope = |text: &&str| {
                !text.is_empty()
                    && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
            };
            let items = value.as_array().ok_or(SCOPES)?.iter();
            let scopes = items.map(|item| item.as_str().filter(is_scope).map(str::to_owned).ok_or(SCOPES));
            let scopes = scopes.collect::<Result<Vec<_>, _>>()?;
            if scopes.iter().any(|scope| scope == "openid") { Ok(scopes) } else { Err(SCOPES) }
        })
    }

    /// Reads the path of a value in the claims of a token.
    pub(super) fn claim(&mut self, key: &'static str) -> String {
        self.text(
            key,
            |text| if is_line(text) && !text.is_empty() { Ok(text.to_owned()) } else { Err(CLAIM) },
        )
    }

    /// Reads the roles of the members of groups.
    pub(super) fn group_roles(&mut self, key: &'static str) -> GroupRoles {
        let value = self.parse(key, |value| Ok::<_, &str>(value.clone()));
        GroupRoles::read(&value).unwrap_or_else(|problem| {
            self.problem_of(key, &problem);
            GroupRoles::default()
        })
    }
}

fn issuer(text: &str) -> Parsed<String> {
    let without_slash = text.strip_suffix('/').unwrap_or(text);
    let url = public_url(without_slash).map_err(|_| ISSUER)?;
    if url == without_slash && is_private(&url) { Ok(text.to_owned()) } else { Err(ISSUER) }
}

fn is_line(text: &str) -> bool {
    text.trim() == text && text.chars().count() <= 255 && !text.contains(char::is_control)
}
