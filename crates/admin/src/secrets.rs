//! The secrets of clients.

use std::time::Duration;

use serde_json::json;
use tollgate_core::{ClientId, Environment, SecretId, Timestamp};
use tollgate_keys::{ClientSecret, SecretHasher};
use tollgate_store::{Client, Creation, Object, Secret, SecretUses};

use super::acting::{Attempt, Order};
use super::creation::{Draft, New};
use super::{Actor, AdminError, Administration, creation, recorded};

/// A secret that was created, whose value can't be shown again later.
pub struct CreatedSecret {
    /// The secret as the store keeps it.
    pub secret: Secret,
    /// The value of the secret.
    pub value: ClientSecret,
    /// When the client's other secrets expire at the latest; `None` if they stay.
    pub others_expire_at: Option<Timestamp>,
}

/// Whether a secret is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretStatus {
    /// It is accepted: tokens can be obtained with it.
    Active,
    /// It is refused because it has expired.
    Expired,
    /// It is refused because it was revoked.
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
    creation::create(admin, &Identified::new(client, others_expire_in), actor).await
}

/// A secret that is to be created for a client, under the id that it will have.
pub struct Identified {
    client: ClientId,
    id: SecretId,
    others_expire_in: Option<Duration>,
}

impl Identified {
    /// Orders a secret for a client; its other secrets expire after `others_expire_in`, or stay if that is `None`.
    pub fn new(client: ClientId, others_expire_in: Option<Duration>) -> Self {
        Self { client, id: SecretId::random(&mut rand::rng()), others_expire_in }
    }
}

impl New for Identified {
    type Created = CreatedSecret;

    fn order(&self) -> Order {
        Order::new("secret.create", Object::Secret(self.client, self.id))
    }

    async fn draft(
        &self,
        admin: &Administration<'_>,
        now: Timestamp,
    ) -> Result<Draft<CreatedSecret>, AdminError> {
        let of = find(admin, self.client).await?;
        admin.authority.check_changes(&of)?;
        if of.merchant_id.is_none() {
            admin.check_gives(&of.scope)?;
        }
        let (secret, value) = draw(admin.unlocked.hasher(), self.client, of.environment, now);
        let secret = Secret { id: self.id, ..secret };
        let others_expire_at = self.others_expire_in.map(|time| now.after(time));
        Ok(Draft {
            creation: Creation::Secret { client: self.client, secret: secret.clone(), others_expire_at },
            merchant: of.merchant_id,
            recorded: json!({ "others_expire_at": others_expire_at.map(Timestamp::rfc3339_millis) }),
            created: CreatedSecret { secret, value, others_expire_at },
        })
    }
}

/// Returns the secrets of a client, oldest first.
pub async fn list(admin: &Administration<'_>, client: ClientId) -> Result<Vec<Secret>, AdminError> {
    Ok(find(admin, client).await?.secrets)
}

/// Returns when the secrets of a client were last used, and from where. A use is known within a minute, and another use from the
/// same source within an hour.
pub async fn uses(admin: &Administration<'_>, client: ClientId) -> Result<Vec<SecretUses>, AdminError> {
    Ok(admin.store.uses(client).await?)
}

/// Revokes a secret, and every token that was obtained with it.
pub async fn revoke(
    admin: &Administration<'_>,
    client: ClientId,
    secret: SecretId,
    actor: &Actor,
) -> Result<(), AdminError> {
    let order = Order::new("secret.revoke", Object::Secret(client, secret));
    let attempt = |attempt: Attempt| async move {
        admin.authority.check_is_another_secret(secret)?;
        let unknown = || AdminError::UnknownSecret { client, secret };
        let of = admin.store.client(client).await?.ok_or_else(unknown)?;
        let before = of.secrets.iter().find(|one| one.id == secret).ok_or_else(unknown)?;
        let now = attempt.now;
        let after = Secret { revoked_at: Some(now), ..before.clone() };
        let act = attempt.of(of.merchant_id).changes(&recorded::secret(before), &recorded::secret(&after));
        let found = admin.store.revoke_secret(client, secret, now, &act).await?;
        found.then_some(()).ok_or_else(unknown)
    };
    admin.act(actor, order, attempt).await
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
    let id = SecretId::random(&mut rng);
    (Secret { id, hash, slow_hash: None, created_at: now, expires_at: None, revoked_at: None }, value)
}
