//! An export of a realm of Keycloak.

use serde_json::Value;
use tollgate_admin::import::OldClient;

use super::json::{deciding_text, find, flag, text, texts};
use super::line::{Line, known, name};

/// Reads an export: one realm, several, or the clients of one.
pub(super) fn read(
    file: &str,
    merchant_from: Option<&str>,
    optional_scopes: bool,
) -> Result<Vec<Line>, String> {
    let export: Value = serde_json::from_str(file).map_err(|error| error.to_string())?;
    let mut lines = Vec::new();
    let mut add = |before: &str, clients: &[Value]| {
        lines.extend(clients.iter().enumerate().map(|(place, client)| Line {
            at: format!("{before}[{place}]"),
            id: text(client, "clientId").unwrap_or_default().to_owned(),
            client: read_client(client, merchant_from, optional_scopes),
        }));
    };
    match &export {
        Value::Array(items) if items.iter().any(|item| item["clients"].is_array()) => {
            for (place, realm) in items.iter().enumerate() {
                add(&format!("[{place}].clients"), realm["clients"].as_array().ok_or(NO_EXPORT)?);
            }
        }
        Value::Array(items) => add("", items),
        realm => add("clients", realm["clients"].as_array().ok_or(NO_EXPORT)?),
    }
    Ok(lines)
}

const NO_EXPORT: &str = "it is no export of a realm: it has no array of clients";

/// Reads a client, or says why it is left out: only a confidential client with a service account can use the grant
/// `client_credentials`.
fn read_client(
    client: &Value,
    merchant_from: Option<&str>,
    optional_scopes: bool,
) -> Result<OldClient, String> {
    let id = text(client, "clientId").ok_or("it has no clientId")?;
    check(client)?;
    let mut scope = texts(&client["defaultClientScopes"]);
    if optional_scopes {
        scope.extend(texts(&client["optionalClientScopes"]));
    }
    Ok(OldClient {
        // A name such as `${client_account}` stands for a text in the viewer's language.
        name: name(text(client, "name").filter(|name| !name.starts_with("${")), id)?,
        secrets: known(secret(client)?)?,
        merchant: merchant_from.and_then(|path| find(client, path)),
        id: id.to_owned(),
        scope,
        environment: None,
    })
}

fn check(client: &Value) -> Result<(), String> {
    if let Some(other) = deciding_text(client, "protocol")?.filter(|protocol| *protocol != "openid-connect") {
        return Err(format!("its protocol is {other}"));
    }
    for (is_left_out, reason) in [
        (flag(client, "enabled")? == Some(false), "it is disabled"),
        (flag(client, "publicClient")? == Some(true), "it is public, and has no secret"),
        (flag(client, "bearerOnly")? == Some(true), "it only takes tokens (bearerOnly)"),
        (flag(client, "serviceAccountsEnabled")? != Some(true), NO_SERVICE_ACCOUNT),
    ] {
        if is_left_out {
            return Err(reason.to_owned());
        }
    }
    match deciding_text(client, "clientAuthenticatorType")? {
        Some("client-secret") | None => Ok(()),
        Some(other) => Err(format!("it authenticates by {other}, not by a secret")),
    }
}

const NO_SERVICE_ACCOUNT: &str =
    "it has no service account (serviceAccountsEnabled), so it obtains no tokens by itself";

fn secret(client: &Value) -> Result<&str, &'static str> {
    let secret = text(client, "secret").ok_or("the export has no secret of it")?;
    if secret.bytes().all(|byte| byte == b'*') {
        return Err(
            "its secret is masked: `kc.sh export` writes it, the export of the admin console does not",
        );
    }
    if secret.starts_with("${") {
        return Err("its secret is a reference to a vault");
    }
    Ok(secret)
}
