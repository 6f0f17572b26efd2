//! Rows of the table `hydra_client` of Ory Hydra.

use serde_json::Value;
use tollgate_admin::import::OldClient;

use super::json::{deciding_text, find, text, texts};
use super::line::{Line, hashed, name};

/// Reads rows: a JSON array, or a line of JSON for each.
pub(super) fn read(file: &str, merchant_from: Option<&str>) -> Result<Vec<Line>, String> {
    let rows = match serde_json::from_str(file) {
        Ok(Value::Array(rows)) => rows,
        Ok(Value::Object(list)) if list.contains_key("items") => return Err(NO_HASHES.to_owned()),
        Ok(row @ Value::Object(_)) => vec![row],
        Ok(_) => return Err("it has no rows: a JSON array, or a line of JSON for each".to_owned()),
        Err(whole) => {
            let lines = file.lines().filter(|line| !line.trim().is_empty());
            let rows: Result<Vec<Value>, _> = lines.map(serde_json::from_str).collect();
            rows.map_err(|_| whole.to_string())?
        }
    };
    let line = |(place, row): (usize, &Value)| Line {
        at: format!("[{place}]"),
        id: id(row).unwrap_or_default().to_owned(),
        client: read_client(row, merchant_from),
    };
    Ok(rows.iter().enumerate().map(line).collect())
}

const NO_HASHES: &str =
    "it is what `hydra list clients` prints, which has no hash of a secret: read the table hydra_client";

fn id(row: &Value) -> Option<&str> {
    text(row, "id").or_else(|| text(row, "client_id"))
}

fn read_client(row: &Value, merchant_from: Option<&str>) -> Result<OldClient, String> {
    let id = id(row).ok_or("it has no id")?;
    let grants = texts(&row["grant_types"]);
    if !row["grant_types"].is_null() && !grants.iter().any(|grant| grant == "client_credentials") {
        return Err(format!("its grant types ({}) are without client_credentials", grants.join(" ")));
    }
    match deciding_text(row, "token_endpoint_auth_method")? {
        Some("client_secret_basic" | "client_secret_post") | None => {}
        Some(other) => return Err(format!("it authenticates by {other}, not by a secret")),
    }
    let hash = text(row, "client_secret").ok_or("it has no client_secret")?;
    let scope = text(row, "scope").unwrap_or_default();
    Ok(OldClient {
        name: name(text(row, "client_name"), id)?,
        secrets: hashed(hash)?,
        merchant: merchant_from.and_then(|path| find(row, path)),
        id: id.to_owned(),
        scope: scope.split_ascii_whitespace().map(str::to_owned).collect(),
        environment: None,
    })
}
