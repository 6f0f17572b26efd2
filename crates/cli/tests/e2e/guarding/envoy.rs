//! The recipes for Envoy, which pip installs where guarding/envoy/install says.

use std::fs;
use std::process::Command;

use tollgate_core::Algorithm;

use super::recipes::{BY_KEYS, NGINX, recipe};
use super::{Answers, Parts, Recipe};
use crate::proxies::with;

pub(super) const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/envoy/bin/envoy");

/// What its question can't say.
const ROUTES: &str = r#"
[[authz.routes]]
path = "/payments/{*rest}"
scope = "payments:read"
env = "test"
"#;

pub(super) const ENVOY: Recipe = Recipe {
    except: &[
        AN_EMPTY_LINE,
        // For who comes by loopback it names an address of the machine, which may be any.
        "a token that may be used elsewhere",
    ],
    answers: Answers::Whole,
    settings: ROUTES,
    configure: envoy,
    ..NGINX
};

/// It makes one line of several, and nothing of an empty one, before it decides or forwards.
const AN_EMPTY_LINE: &str = "an empty line before a good one";

fn envoy(parts: &Parts<'_>) -> Command {
    envoy_by(&recipe("envoy.yaml"), parts)
}

/// With the keys it asks no more. Its clock is the machine's: it doesn't start with one that stands still.
pub(super) const ENVOY_BY_KEYS: Recipe = Recipe {
    algorithm: Algorithm::Es256,
    decides: BY_KEYS,
    except: &[
        AN_EMPTY_LINE,
        // It knows the scheme in one spelling.
        r#"the scheme "bearer ""#,
        r#"the scheme "BEARER ""#,
        r#"the scheme "BeArEr ""#,
        r#"the scheme "Bearer  ""#,
        r#"the scheme "Bearer      ""#,
        "a token in its last second",
        "a token in the second of its exp",
        "a token that expired a second ago",
        // It doesn't look at `iat`.
        "a token from a clock that is further ahead",
        "a token that may be used anywhere",
    ],
    asks: false,
    names_who_calls: true,
    unanswered: 200,
    answers: Answers::Refusals,
    settings: "tokens.algorithm = \"ES256\"",
    configure: envoy_by_keys,
};

fn envoy_by_keys(parts: &Parts<'_>) -> Command {
    envoy_fetching_each("60s", parts)
}

/// Envoy that fetches the keys as often as this.
pub(super) fn envoy_fetching_each(period: &str, parts: &Parts<'_>) -> Command {
    let recipe = with(
        &recipe("envoy-keys.yaml"),
        &[
            ("https://core.example.com", &parts.tollgate.issuer),
            ("exact: live", "exact: test"),
            ("cache_duration: 60s", &format!("cache_duration: {period}")),
        ],
    );
    envoy_by(&recipe, parts)
}

fn envoy_by(recipe: &str, parts: &Parts<'_>) -> Command {
    let (before, behind) = recipe.split_once("        - transport_socket:").unwrap();
    let (_, behind) = behind.split_once("          filters:").unwrap();
    let address = |address: &str| format!("address: {}", address.replace(':', ", port_value: "));
    let recipe = with(
        &format!("{before}        - filters:{behind}"),
        &[
            ("address: 0.0.0.0, port_value: 443", &address(&parts.proxy.to_string())),
            ("address: 127.0.0.1, port_value: 8080", &address(&parts.tollgate.address())),
            ("address: 127.0.0.1, port_value: 9000", &address(parts.api)),
            (r#"["api.example.com"]"#, r#"["localhost"]"#),
        ],
    );
    fs::write(parts.folder.join("envoy.yaml"), recipe).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args([
        "-c",
        "envoy.yaml",
        "--concurrency",
        "1",
        "--use-dynamic-base-id",
        "--log-level",
        "warning",
    ]);
    command
}
