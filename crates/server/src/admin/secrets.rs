//! The secrets of clients.

use std::time::Duration;

use tollgate_core::{ClientId, ClientSecret, Environment, SecretHasher, SecretId, Timestamp};
use tollgate_store::{Client, Creation, Secret};

use super::{Actor, AdminError, Administration, creation};

/// A secret that was created, which is shown now or never.
pub struct CreatedSecret {
    /// What is kept of it.
    pub secret: Secret,
    /// The secret itself.
    pub value: ClientSecret,
    /// When the client's other secrets expire, if it was asked for; they may sooner.
    pub others_expire_at: Option<Timestamp>,
}

/// Whether a secret is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretStatus {
    /// It is accepted.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl SecretStatus {
    /// Returns the status of a secret at `now`.
    pub fn at(now: Timestamp, secret: &Secret) -> Self {
        match (secret.revoked_at, secret.expires_at) {
            (Some(_), _) => Self::Revoked,
            (None, Some(at)) if at <= now => Self::Expired,
            (None, _) => Self::Active,
        }
    }
}

/// Creates a secret for a client. Its other secrets expire after `others_expire_in`, if that is given.
pub async fn create(
    admin: &Administration<'_>,
    client: ClientId,
    others_expire_in: Option<Duration>,
    actor: &Actor,
) -> Result<CreatedSecret, AdminError> {
    let created = draft(admin, client, others_expire_in).await?;
    let (secret, others_expire_at) = (created.secret.clone(), created.others_expire_at);
    creation::create(admin, &Creation::Secret { client, secret, others_expire_at }, actor).await?;
    Ok(created)
}

/// Makes a secret for a client that is not created yet.
pub async fn draft(
    admin: &Administration<'_>,
    client: ClientId,
    others_expire_in: Option<Duration>,
) -> Result<CreatedSecret, AdminError> {
    let found = find(admin, client).await?;
    admin.authority.check_changes(&found)?;
    let now = admin.now().await?;
    let (secret, value) = draw(admin.unlocked.hasher(), client, found.environment, now);
    Ok(CreatedSecret { secret, value, others_expire_at: others_expire_in.map(|time| now.after(time)) })
}

/// Returns the secrets of a client, oldest first.
pub async fn list(admin: &Administration<'_>, client: ClientId) -> Result<Vec<Secret>, AdminError> {
    Ok(find(admin, client).await?.secrets)
}

/// Revokes a secret, and every token that was obtained with it.
pub async fn revoke(
    admin: &Administration<'_>,
    client: ClientId,
    secret: SecretId,
    actor: &Actor,
) -> Result<(), AdminError> {
    admin.authority.check_is_another_secret(secret)?;
    let found = admin.store.revoke_secret(client, secret, admin.now().await?, actor).await?;
    found.then_some(()).ok_or(AdminError::UnknownSecret { client, secret })
}

async fn find(admin: &Administration<'_>, id: ClientId) -> Result<Client, AdminError> {
    admin.store.client(id).await?.ok_or(AdminError::UnknownClient(id))
}

/// Draws a secret for a client.
pub(super) fn draw(
    hasher: &SecretHasher,
    client: ClientId,
    environment: Environment,
    now: Timestamp,
) -> (Secret, ClientSecret) {
    let mut rng = rand::rng();
    let value = ClientSecret::generate(environment, &mut rng);
    let hash = hasher.hash(client, value.expose_secret().as_bytes());
    let secret =
        Secret { id: SecretId::random(&mut rng), hash, created_at: now, expires_at: None, revoked_at: None };
    (secret, value)
}
