//! The acts on the secrets of clients.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_admin::secrets;
use tollgate_config::duration_text;
use tollgate_core::{ClientId, SecretId, Timestamp};

use super::Desk;
use super::values::{given, pick};
use crate::error::OperatorError;
use crate::view;

/// The members of a secret that are printed.
const SHOWN: &[&str] = &[
    "secret_id",
    "status",
    "hashed_by",
    "created_at",
    "expires_at",
    "revoked_at",
    "last_used_at",
    "sources",
];

fn path(client: ClientId) -> String {
    format!("/admin/v1/clients/{client}/secrets")
}

impl Desk {
    /// Creates a secret, and returns it with its value.
    pub async fn create_secret(
        &self,
        client: ClientId,
        others_expire_in: Option<Duration>,
    ) -> Result<Value, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                let admin = opened.administration();
                let created = secrets::create(&admin, client, others_expire_in, actor).await?;
                Ok(json!({
                    "client_id": client,
                    "client_secret": created.value.expose_secret(),
                    "secret_id": created.secret.id,
                    "others_expire_at": created.others_expire_at.map(Timestamp::rfc3339),
                }))
            }
            Self::Server(api) => {
                let body = json!({ "others_expire_in": others_expire_in.map(duration_text) });
                let mut created = api.post(&path(client), &given(body)).await?;
                Ok(pick(&mut created, &["client_id", "client_secret", "secret_id", "others_expire_at"]))
            }
        }
    }

    /// Returns the secrets of a client, without their values.
    pub async fn secrets(&self, client: ClientId) -> Result<Vec<Value>, OperatorError> {
        match self {
            Self::Store(opened, _) => {
                let admin = opened.administration();
                let (secrets, now) = (secrets::list(&admin, client).await?, admin.now().await?);
                let uses = secrets::uses(&admin, client).await?;
                let shown = secrets.iter().map(|secret| {
                    view::secret(secret, uses.iter().find(|uses| uses.secret == secret.id), now)
                });
                Ok(shown.collect())
            }
            Self::Server(api) => {
                let secrets = api.list(&path(client)).await?;
                Ok(secrets.into_iter().map(|mut secret| pick(&mut secret, SHOWN)).collect())
            }
        }
    }

    /// Revokes a secret, and every token obtained with it.
    pub async fn revoke_secret(&self, client: ClientId, secret: SecretId) -> Result<Value, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                secrets::revoke(&opened.administration(), client, secret, actor).await?;
                Ok(json!({ "client_id": client, "secret_id": secret, "status": "revoked" }))
            }
            Self::Server(api) => Ok(api.order(&format!("{}/{secret}/revoke", path(client))).await?),
        }
    }
}
