//! `tollgate secret`.

use serde_json::json;
use tollgate_server::admin::secrets::{self, SecretStatus};
use tollgate_store::Access;

use crate::actor::actor_because;
use crate::args::{ClientArgs, Format, SecretCommand};
use crate::confirm::ask;
use crate::failure::Failure;
use crate::output::{self, List};
use crate::{open, say};

/// What is said of a new secret.
pub(super) const SHOWN_ONCE: &str = "client_secret is shown once, and never again: store it now";

pub(crate) async fn run(command: SecretCommand, format: Format) -> Result<(), Failure> {
    match command {
        SecretCommand::Create { client: ClientArgs { client, store }, old_expires_in, why } => {
            let opened = open::installation(&store, Access::Change).await?;
            let admin = opened.administration();
            let created = secrets::create(&admin, client, old_expires_in, &actor_because(why)).await?;
            output::object(
                format,
                &json!({
                    "client_id": client,
                    "client_secret": created.value.expose_secret(),
                    "secret_id": created.secret.id,
                    "others_expire_at": created.others_expire_at.map(output::time),
                }),
            )?;
            say::note(SHOWN_ONCE);
            Ok(())
        }
        SecretCommand::List(args) => list(&args, format).await,
        SecretCommand::Revoke { client: ClientArgs { client, store }, secret, confirm, why } => {
            let opened = open::installation(&store, Access::Change).await?;
            let admin = opened.administration();
            if confirm.asks() {
                ask(&format!(
                    "Revoke secret {secret} of client {client}, and refuse every token made with it?"
                ))?;
            }
            secrets::revoke(&admin, client, secret, &actor_because(why)).await?;
            let now = admin.now().await?;
            let is_active = |secret| SecretStatus::at(now, secret) == SecretStatus::Active;
            if !secrets::list(&admin, client).await?.iter().any(is_active) {
                say::note(&format!(
                    "client {client} has no active secret left and can't authenticate: `tollgate secret create {client}`"
                ));
            }
            output::object(format, &json!({ "client_id": client, "secret_id": secret, "status": "revoked" }))
        }
    }
}

async fn list(args: &ClientArgs, format: Format) -> Result<(), Failure> {
    let opened = open::installation(&args.store, Access::Read).await?;
    let admin = opened.administration();
    let (secrets, now) = (secrets::list(&admin, args.client).await?, admin.now().await?);
    let uses = secrets::uses(&admin, args.client).await?;
    let columns = &[
        ("secret_id", 36),
        ("status", 7),
        ("created_at", 20),
        ("expires_at", 20),
        ("revoked_at", 20),
        ("last_used_at", 20),
        ("sources", 7),
    ];
    let mut list = List::start(format, columns)?;
    for secret in &secrets {
        let used = uses.iter().find(|uses| uses.secret == secret.id);
        list.item(&output::secret(secret, used, now))?;
    }
    list.end()
}
