//! How merchants, clients and secrets are shown.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use tollgate_admin::imported::hashed_by;
use tollgate_admin::recorded::status;
use tollgate_admin::secrets::SecretStatus;
use tollgate_config::duration_text;
use tollgate_core::{Audience, Timestamp};
use tollgate_store::{Client, Merchant, Secret, SecretUses};

/// Returns a merchant as it is shown.
pub fn merchant(merchant: &Merchant) -> Value {
    json!({
        "merchant_id": merchant.id,
        "name": merchant.name,
        "status": status(merchant.status),
        "created_at": merchant.created_at.rfc3339(),
    })
}

/// Returns a client as it is shown.
pub fn client(client: &Client, now: Timestamp) -> Value {
    json!({
        "client_id": client.id,
        "merchant_id": client.merchant_id,
        "name": client.name,
        "environment": client.environment,
        "scope": client.scope.as_str(),
        "allow_from": networks(&client.addresses),
        "audiences": client.audiences.iter().map(Audience::as_str).collect::<Vec<_>>(),
        "access_ttl": client.terms.access_ttl.map(duration_text),
        "refresh_ttl": client.terms.refresh_ttl.map(duration_text),
        "quota": client.terms.quota.map(|quota| quota.to_string()),
        "labels": client.terms.labels.iter().collect::<BTreeMap<_, _>>(),
        "status": status(client.status),
        "active_secrets": client.secrets.iter().filter(|secret| SecretStatus::at(now, secret) == SecretStatus::Active).count(),
        "created_at": client.created_at.rfc3339(),
    })
}

/// Returns networks as they are shown.
fn networks(networks: &[IpNet]) -> String {
    networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Returns a secret as it is shown: everything but the secret itself.
pub fn secret(secret: &Secret, used: Option<&SecretUses>, now: Timestamp) -> Value {
    let mut shown = Map::new();
    shown.insert("secret_id".into(), json!(secret.id));
    shown.insert("status".into(), json!(secret_status(SecretStatus::at(now, secret))));
    shown.insert("hashed_by".into(), json!(hashed_by(secret)));
    shown.insert("created_at".into(), json!(secret.created_at.rfc3339()));
    shown.insert("expires_at".into(), json!(secret.expires_at.map(Timestamp::rfc3339)));
    shown.insert("revoked_at".into(), json!(secret.revoked_at.map(Timestamp::rfc3339)));
    shown.insert("last_used_at".into(), json!(used.map(|used| used.last_at.rfc3339())));
    shown.insert("sources".into(), json!(used.map_or(0, |used| used.sources.len())));
    shown.into()
}

fn secret_status(status: SecretStatus) -> &'static str {
    match status {
        SecretStatus::Active => "active",
        SecretStatus::Expired => "expired",
        SecretStatus::Revoked => "revoked",
    }
}
