//! The objects as callers are shown them, and the answers that contain them.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, PRAGMA};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tollgate_admin::Page;
use tollgate_admin::clients::CreatedClient;
use tollgate_admin::imported::hashed_by;
use tollgate_admin::keys::{AddedKey, ListedKey};
use tollgate_admin::recorded::status;
use tollgate_admin::secrets::{CreatedSecret, SecretStatus};
use tollgate_admin::tokens::Listed;
use tollgate_core::{
    Audience, ClientId, Environment, Generation, Jwk, KeyId, MerchantId, Revoked, SecretId, Timestamp,
};
use tollgate_keys::Phase;
use tollgate_store::{Client, Merchant, Secret, SecretUses, Version};

use super::cursor::Cursor;
use super::listing::Listing;
use super::values::{Length, etag};

/// Returns the body of a success, in the envelope.
pub(super) fn success(data: &impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        success: bool,
        data: &'a T,
    }
    serde_json::to_vec(&Envelope { success: true, data }).expect("what is shown serialises")
}

/// Makes an answer that must not be cached: it may show a secret.
pub(super) fn answer(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// Makes an answer that shows an object.
pub(super) fn shown(data: &impl Serialize) -> Response {
    answer(StatusCode::OK, success(data))
}

/// Makes an answer that shows an object with its version.
pub(super) fn shown_in(version: Version, data: &impl Serialize) -> Response {
    let mut response = shown(data);
    let tag = HeaderValue::from_str(&etag(version)).expect("a number between quotes is printable");
    response.headers_mut().insert(ETAG, tag);
    response
}

/// Makes an answer that shows a page of a list.
pub(super) fn page<T, K: Cursor, V: Serialize>(
    page: &Page<T, K>,
    listing: &Listing<K>,
    view: impl Fn(&T) -> V,
) -> Response {
    #[derive(Serialize)]
    struct Shown<V> {
        items: Vec<V>,
        next_cursor: Option<String>,
    }
    let next_cursor = page.next.as_ref().map(|next| next.write(&listing.of));
    shown(&Shown { items: page.items.iter().map(view).collect(), next_cursor })
}

/// Makes an answer that shows all of a short list.
pub(super) fn list<V: Serialize>(items: &[V]) -> Response {
    #[derive(Serialize)]
    struct Shown<'a, V> {
        items: &'a [V],
    }
    shown(&Shown { items })
}

#[derive(Serialize)]
pub(super) struct MerchantView {
    merchant_id: MerchantId,
    name: String,
    status: &'static str,
    created_at: String,
}

impl MerchantView {
    pub(super) fn of(merchant: &Merchant) -> Self {
        Self {
            merchant_id: merchant.id,
            name: merchant.name.clone(),
            status: status(merchant.status),
            created_at: merchant.created_at.rfc3339(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ClientView {
    client_id: ClientId,
    merchant_id: Option<MerchantId>,
    name: String,
    environment: Environment,
    scope: String,
    allow_from: Vec<String>,
    audiences: Vec<String>,
    access_ttl: Option<String>,
    refresh_ttl: Option<String>,
    quota: Option<String>,
    labels: BTreeMap<String, String>,
    status: &'static str,
    merchant_status: &'static str,
    active_secrets: usize,
    created_at: String,
}

impl ClientView {
    pub(super) fn of(client: &Client, now: Timestamp) -> Self {
        let is_active = |secret: &&Secret| SecretStatus::at(now, secret) == SecretStatus::Active;
        let terms = &client.terms;
        Self {
            client_id: client.id,
            merchant_id: client.merchant_id,
            name: client.name.clone(),
            environment: client.environment,
            scope: client.scope.to_string(),
            allow_from: client.addresses.iter().map(ToString::to_string).collect(),
            audiences: client.audiences.iter().map(Audience::to_string).collect(),
            access_ttl: terms.access_ttl.map(|ttl| Length(ttl).to_string()),
            refresh_ttl: terms.refresh_ttl.map(|ttl| Length(ttl).to_string()),
            quota: terms.quota.map(|quota| quota.to_string()),
            labels: terms.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            status: status(client.status),
            merchant_status: status(client.merchant_status),
            active_secrets: client.secrets.iter().filter(is_active).count(),
            created_at: client.created_at.rfc3339(),
        }
    }
}

/// A client that was created, with its secret if one was generated, which is shown only this once.
#[derive(Serialize)]
pub(super) struct CreatedClientView<'a> {
    #[serde(flatten)]
    client: ClientView,
    secret_id: Option<SecretId>,
    client_secret: Option<&'a str>,
}

impl<'a> CreatedClientView<'a> {
    pub(super) fn of(created: &'a CreatedClient) -> Self {
        let client = &created.client;
        Self {
            client: ClientView::of(client, client.created_at),
            secret_id: client.secrets.first().map(|secret| secret.id),
            client_secret: created.expose_secret(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct SecretView {
    secret_id: SecretId,
    status: &'static str,
    hashed_by: &'static str,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
    sources: usize,
}

impl SecretView {
    pub(super) fn of(secret: &Secret, used: Option<&SecretUses>, now: Timestamp) -> Self {
        let status = match SecretStatus::at(now, secret) {
            SecretStatus::Active => "active",
            SecretStatus::Expired => "expired",
            SecretStatus::Revoked => "revoked",
        };
        Self {
            secret_id: secret.id,
            status,
            hashed_by: hashed_by(secret),
            created_at: secret.created_at.rfc3339(),
            expires_at: secret.expires_at.map(Timestamp::rfc3339),
            revoked_at: secret.revoked_at.map(Timestamp::rfc3339),
            last_used_at: used.map(|used| used.last_at.rfc3339()),
            sources: used.map_or(0, |used| used.sources.len()),
        }
    }
}

/// A secret that was created, with its value, which is shown only this once.
#[derive(Serialize)]
pub(super) struct CreatedSecretView<'a> {
    client_id: ClientId,
    secret_id: SecretId,
    client_secret: &'a str,
    others_expire_at: Option<String>,
}

impl<'a> CreatedSecretView<'a> {
    pub(super) fn of(client_id: ClientId, created: &'a CreatedSecret) -> Self {
        let CreatedSecret { secret, value, others_expire_at } = created;
        let client_secret = value.expose_secret();
        Self {
            client_id,
            secret_id: secret.id,
            client_secret,
            others_expire_at: others_expire_at.map(Timestamp::rfc3339),
        }
    }
}

#[derive(Serialize)]
pub(super) struct KeyView {
    key_id: KeyId,
    algorithm: &'static str,
    phase: Option<&'static str>,
    compromised: bool,
    created_at: String,
    activates_at: String,
    retires_at: Option<String>,
    advances_at: Option<String>,
    /// The public key of an asymmetric algorithm, while tokens are verified with it.
    jwk: Option<Jwk<'static>>,
}

impl KeyView {
    pub(super) fn of(listed: &ListedKey, jwk: Option<Jwk<'static>>) -> Self {
        let key = &listed.key;
        Self {
            key_id: key.id,
            algorithm: key.algorithm.as_str(),
            phase: listed.phase.map(Phase::as_str),
            compromised: key.compromised,
            created_at: key.created_at.rfc3339(),
            activates_at: key.activates_at.rfc3339(),
            retires_at: key.retires_at.map(Timestamp::rfc3339),
            advances_at: listed.advances_at.map(Timestamp::rfc3339),
            jwk,
        }
    }
}

#[derive(Serialize)]
pub(super) struct AddedKeyView {
    key_id: KeyId,
    algorithm: &'static str,
    activates_at: String,
    others_retire_at: Option<String>,
}

impl AddedKeyView {
    pub(super) fn of(added: &AddedKey) -> Self {
        Self {
            key_id: added.id,
            algorithm: added.algorithm.as_str(),
            activates_at: added.activates_at.rfc3339(),
            others_retire_at: added.others_retire_at.map(Timestamp::rfc3339),
        }
    }
}

/// A revocation: which tokens it ends, and how long it is kept.
#[derive(Serialize)]
pub(super) struct RevocationView {
    kind: &'static str,
    id: String,
    /// For a client or a merchant, the generation whose earlier tokens are ended; `null` for all tokens.
    #[expect(clippy::option_option, reason = "null is told from what is absent")]
    #[serde(skip_serializing_if = "Option::is_none")]
    before_generation: Option<Option<u64>>,
    expires_at: String,
}

impl RevocationView {
    pub(super) fn of(listed: &Listed) -> Self {
        let before =
            |generation: Generation| Some((generation != Generation::END).then_some(generation.number()));
        let (kind, id, before_generation) = match listed.revocation.subject {
            Revoked::Token(id) => ("token", id.to_string(), None),
            Revoked::Secret(id) => ("secret", id.to_string(), None),
            Revoked::Client(id, generation) => ("client", id.to_string(), before(generation)),
            Revoked::Merchant(id, generation) => ("merchant", id.to_string(), before(generation)),
        };
        Self { kind, id, before_generation, expires_at: listed.revocation.expires_at.rfc3339() }
    }
}
