//! The description of the HTTP API, as an OpenAPI 3.1 document.
//!
//! It is written by hand in `docs/openapi.yaml`, which the program holds, and reads when the description is first asked for. What is
//! served has the address and the audience of the installation, and leaves out what the installation does not serve.

mod published;

pub(crate) use published::router;

use std::collections::HashSet;

use serde_json::{Map, Value};
use tollgate_config::Config;
use tollgate_http::Realm;

/// The file.
const FILE: &str = include_str!("../../../docs/openapi.yaml");

/// The URL in the file, which is replaced by the installation's own.
const PUBLIC_URL: &str = "http://127.0.0.1:8080";
const AUDIENCE: &str = "payment-api";

/// The extension of a tag whose operations are served only with a setting.
const SERVED_WHEN: &str = "x-served-when";

/// The part of the API that an installation serves, and its address.
#[derive(Debug, Clone, Copy)]
pub struct Surface<'a> {
    /// The base URL of all paths, and the issuer.
    pub public_url: &'a str,
    /// The audience of the tokens, which challenges name as the realm.
    pub audience: &'a str,
    /// Whether it serves the sandbox Payment API.
    pub sandbox: bool,
    /// Whether it answers proxies that ask before they forward.
    pub authz: bool,
    /// Whether health and metrics are served with the API, instead of on a listener of their own.
    pub health: bool,
}

impl Default for Surface<'_> {
    /// Returns what `tollgate dev` serves.
    fn default() -> Self {
        Self { public_url: PUBLIC_URL, audience: AUDIENCE, sandbox: true, authz: false, health: true }
    }
}

impl<'a> Surface<'a> {
    /// Returns what a server with this configuration serves.
    pub fn of(config: &'a Config, health: bool) -> Self {
        Self {
            public_url: &config.public_url,
            audience: &config.tokens.audience,
            sandbox: config.sandbox,
            authz: config.authz.enabled,
            health,
        }
    }

    /// Says whether operations that are marked with this setting are served.
    fn serves(&self, setting: &str) -> bool {
        match setting {
            "sandbox" => self.sandbox,
            "authz.enabled" => self.authz,
            _ => false,
        }
    }
}

/// Describes the served API: OpenAPI 3.1, whose schemas are JSON Schema 2020-12.
pub fn document(surface: &Surface<'_>) -> Value {
    let mut document: Map<String, Value> = yaml_serde::from_str(FILE).expect("the file is an object in YAML");
    remove_what_is_off(&mut document, surface);
    remove_unused_components(&mut document);
    let mut document = Value::Object(document);
    let realms = [AUDIENCE, surface.audience].map(|audience| {
        let challenge = Realm::of(audience).no_token();
        challenge.to_str().expect("a challenge is printable ASCII").to_owned()
    });
    rewrite(&mut document, &[(PUBLIC_URL, surface.public_url), (&realms[0], &realms[1])]);
    document
}

/// Removes the operations of tags whose setting is off, and the separate address of operations that are served here.
fn remove_what_is_off(document: &mut Map<String, Value>, surface: &Surface<'_>) {
    let mut off = HashSet::new();
    let tags = document.get_mut("tags").and_then(Value::as_array_mut).expect("the file has tags");
    tags.retain_mut(|tag| {
        let setting = tag.as_object_mut().and_then(|tag| tag.shift_remove(SERVED_WHEN));
        let is_on = setting.is_none_or(|setting| surface.serves(setting.as_str().unwrap_or_default()));
        if !is_on {
            off.insert(tag["name"].clone());
        }
        is_on
    });
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).expect("the file has paths");
    paths.retain(|_, path| {
        let path = path.as_object_mut().expect("a path is an object");
        if surface.health {
            path.shift_remove("servers");
        }
        path.retain(|_, operation| !off.contains(&operation["tags"][0]));
        !path.is_empty()
    });
}

/// Removes the components that nothing refers to any more; security schemes are referred to by name.
fn remove_unused_components(document: &mut Map<String, Value>) {
    loop {
        let mut used = HashSet::new();
        for value in document.values() {
            collect_references(value, &mut used);
        }
        let components = document.get_mut("components").and_then(Value::as_object_mut);
        let mut removed = false;
        for (kind, members) in components.into_iter().flatten().filter(|(kind, _)| *kind != "securitySchemes")
        {
            let members = members.as_object_mut().expect("components are grouped by their kinds");
            let before = members.len();
            members.retain(|name, _| used.contains(&format!("#/components/{kind}/{name}")));
            removed |= members.len() < before;
        }
        if !removed {
            return;
        }
    }
}

fn collect_references(value: &Value, used: &mut HashSet<String>) {
    match value {
        Value::Object(object) => {
            used.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| collect_references(value, used));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, used)),
        _ => {}
    }
}

/// Replaces parts of all texts in the document.
fn rewrite(value: &mut Value, replacements: &[(&str, &str)]) {
    match value {
        Value::Object(object) => object.values_mut().for_each(|value| rewrite(value, replacements)),
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, replacements)),
        Value::String(text) => {
            for (from, to) in replacements {
                if text.contains(from) {
                    *text = text.replace(from, to);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
