//! How the audit trail describes merchants, clients and secrets: everything that an administrator can change, but no secret's value.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollgate_config::duration_text;
use tollgate_core::{Audience, Timestamp};
use tollgate_store::{Client, Merchant, Secret, SigningKey, Status};

pub(crate) fn merchant(merchant: &Merchant) -> Value {
    json!({ "name": merchant.name, "status": status(merchant.status) })
}

pub(crate) fn client(client: &Client) -> Value {
    json!({
        "name": client.name,
        "environment": client.environment.as_str(),
        "scope": client.scope.as_str(),
        "allow_from": client.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "audiences": client.audiences.iter().map(Audience::as_str).collect::<Vec<_>>(),
        "access_ttl": client.terms.access_ttl.map(duration_text),
        "refresh_ttl": client.terms.refresh_ttl.map(duration_text),
        "quota": client.terms.quota.map(|quota| quota.to_string()),
        "labels": client.terms.labels.iter().collect::<BTreeMap<_, _>>(),
        "status": status(client.status),
        "secrets": client.secrets.iter().map(|secret| secret.id.to_string()).collect::<Vec<_>>(),
    })
}

/// Describes a client after a change: if its networks have changed, the tokens that it had are refused.
pub(crate) fn changed(before: &Client, after: &Client) -> Value {
    let mut described = client(after);
    if before.addresses != after.addresses {
        described["revoked"] = json!(EVERY_TOKEN);
    }
    described
}

/// The text of a record when all existing tokens end.
pub(crate) const EVERY_TOKEN: &str = "every token until then";

pub(crate) fn secret(secret: &Secret) -> Value {
    json!({ "expires_at": secret.expires_at.map(Timestamp::rfc3339_millis), "revoked_at": secret.revoked_at.map(Timestamp::rfc3339_millis) })
}

/// Describes a signing key.
pub fn signing_key(key: &SigningKey, others_retire_at: Timestamp) -> Value {
    json!({
        "key_id": key.id.to_string(),
        "algorithm": key.algorithm.as_str(),
        "activates_at": key.activates_at.rfc3339_millis(),
        "others_retire_at": others_retire_at.rfc3339_millis(),
    })
}

/// Returns the word for a status.
pub const fn status(status: Status) -> &'static str {
    match status {
        Status::Enabled => "enabled",
        Status::Disabled => "disabled",
    }
}
