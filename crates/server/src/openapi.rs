//! The HTTP API described by itself: an OpenAPI 3.1 document.
//!
//! It is composed of what the server applies: the paths that are routed, fields and limits of the parsers, errors
//! as the mapping answers them. Nothing here decides anything, so nothing here can be out of step with what is served
//! without a test that says so.

mod authority;
mod components;
mod health;
mod itself;
mod operation;
pub(crate) mod pattern;
mod payments;
mod published;
mod refusals;
mod shared;
mod standards;

pub(crate) use published::router;

use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::openapi::operation::Operation;
use crate::openapi::shared::Shared;

/// What an installation serves, and where.
#[derive(Debug, Clone, Copy)]
pub struct Surface<'a> {
    /// The base URL of all paths, and the issuer.
    pub public_url: &'a str,
    /// The audience of the tokens, which challenges name as the realm.
    pub audience: &'a str,
    /// Whether the sandbox Payment API is there.
    pub sandbox: bool,
    /// Whether health and metrics are answered next to the API, instead of on a listener of their own.
    pub health: bool,
}

impl Default for Surface<'_> {
    /// What `tollgate dev` serves.
    fn default() -> Self {
        Self { public_url: "http://127.0.0.1:8080", audience: "payment-api", sandbox: true, health: true }
    }
}

impl<'a> Surface<'a> {
    pub(crate) fn of(config: &'a Config, health: bool) -> Self {
        Self {
            public_url: &config.public_url,
            audience: &config.tokens.audience,
            sandbox: config.sandbox,
            health,
        }
    }
}

/// The document: OpenAPI 3.1, whose schemas are JSON Schema 2020-12.
pub fn document(surface: &Surface<'_>) -> Value {
    let (mut paths, mut shared) = (Map::new(), Shared::default());
    for operation in operations(surface) {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if operation.tag == HEALTH && !surface.health {
            path["servers"] =
                json!([{"url": ADMIN, "description": "`admin_listen`, for those who operate it"}]);
        }
        let method = operation.method;
        path[method] = operation.render(&mut shared);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate",
            "summary": "Tokens for a payment API, and a sandbox of that API",
            "description": INTRODUCTION,
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
        },
        "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
        "servers": [{"url": surface.public_url, "description": "`public_url`"}],
        "tags": tags(surface),
        "paths": paths,
        "components": components::components(surface, shared),
    })
}

const TOKENS: &str = "Tokens";
const OAUTH: &str = "OAuth clients";
const PAYMENTS: &str = "Payment requests";
const PAGE: &str = "Payment page";
const HEALTH: &str = "Health";
const DESCRIPTION: &str = "Description";

/// Where the administration's listener is by default.
const ADMIN: &str = "http://127.0.0.1:9090";

const INTRODUCTION: &str = "\
A server exchanges its credentials for an access token, and sends that as `Authorization: Bearer` with every call. \
Everything here is for servers: a page in a browser must never hold a secret or a token.

A success is `{\"success\": true, \"data\": …}`, an error `{\"success\": false, \"error\": {\"code\", \"message\"}}`. Decide by \
`code`, which is stable. `/oauth2` and `/.well-known` answer without this envelope, as their RFCs say. Amounts are \
integers in minor units, times are RFC 3339 in UTC, ids are UUIDs.

Another method than those listed is 405 `METHOD_NOT_ALLOWED` with `Allow`; wherever `GET` is, `HEAD` is, too. Another \
path is 404 `NOT_FOUND`. What is no valid HTTP is refused in the envelope, whatever the path.";

fn operations(surface: &Surface<'_>) -> Vec<Operation> {
    let mut operations = authority::operations(surface);
    operations.extend(standards::operations(surface));
    if surface.sandbox {
        operations.extend(payments::operations(surface));
    }
    operations.extend(itself::operations());
    operations.extend(health::operations());
    operations
}

fn tags(surface: &Surface<'_>) -> Vec<Value> {
    let tags = [
        (TOKENS, "The authority: access and refresh tokens, in the envelope of the Payment API."),
        (OAUTH, "The same authority as every OAuth 2.0 library speaks to one."),
        (PAYMENTS, "The sandbox Payment API, behind the guard. It takes tokens of the environment `test`."),
        (PAGE, "Where a `redirect_url` leads: for the person who pays, not for programs."),
        (DESCRIPTION, "What is served here."),
        (HEALTH, "For those who operate it."),
    ];
    let is_served = |name: &str| surface.sandbox || (name != PAYMENTS && name != PAGE);
    let tags = tags.into_iter().filter(|(name, _)| is_served(name));
    tags.map(|(name, description)| json!({"name": name, "description": description})).collect()
}

#[cfg(test)]
mod tests;
