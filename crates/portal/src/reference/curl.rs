//! Example calls to copy. They contain neither secrets nor tokens: these come from files and from the shell.

use serde_json::Value;

use super::json::{object, text};

/// Returns a call of an operation, from its example; `None` for an operation that a person uses in a browser.
pub(super) fn example(document: &Value, path: &str, method: &str, operation: &Value) -> Option<String> {
    if path.starts_with("/pay/") {
        return None;
    }
    let server = &document["paths"][path]["servers"][0]["url"];
    let base_url = server.as_str().unwrap_or(text(&document["servers"][0]["url"]));
    let path = path.replace("{id}", "$ID");
    let quote = if path.contains('$') { "\"" } else { "" };
    let mut lines = vec![format!("curl -sS {quote}{base_url}{path}{quote}")];
    if method != "get" && operation["requestBody"].is_null() {
        lines.push(format!("-X {}", method.to_uppercase()));
    }
    let security = &operation["security"];
    if security[0]["bearer"].is_array() {
        lines.push("-H \"Authorization: Bearer $ACCESS_TOKEN\"".to_owned());
    }
    if let Some((media, body)) = object(&operation["requestBody"]["content"]).next() {
        lines.extend(data(media, body, security[0]["basic"].is_array()));
    }
    let key = operation["parameters"].as_array().into_iter().flatten();
    if let Some(key) = key
        .into_iter()
        .find_map(|parameter| parameter["example"].as_str().filter(|_| parameter["in"] == "header"))
    {
        lines.insert(2, format!("-H 'Idempotency-Key: {key}'"));
    }
    Some(lines.join(" \\\n  "))
}

fn data(media: &str, body: &Value, is_of_a_client: bool) -> Vec<String> {
    if media == "application/json" {
        let content_type = "-H 'Content-Type: application/json'".to_owned();
        let body = match body.get("example") {
            // A credentials file is a valid body, so that no command line contains the secret.
            None => "@credentials.json".to_owned(),
            Some(body) if body["refresh_token"].is_string() => "@refresh-token.json".to_owned(),
            Some(body) => format!("'{body}'"),
        };
        return vec![content_type, format!("-d {body}")];
    }
    let mut lines = if is_of_a_client { vec!["-K client.conf".to_owned()] } else { vec![] };
    for (name, value) in object(&body["example"]) {
        lines.push(match name.as_str() {
            "token" => "-d token=\"$ACCESS_TOKEN\"".to_owned(),
            _ => format!("-d {name}={}", text(value)),
        });
    }
    lines
}
