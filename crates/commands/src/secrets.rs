//! `tollgate secret`: creates, lists and revokes secrets.

use tollgate_store::Access;

use crate::args::{ClientArgs, SecretCommand};
use crate::confirm::ask;
use crate::failure::Failure;
use crate::output::Format;
use crate::{open, output, say};

/// The note about a new secret.
pub(super) const SHOWN_ONCE: &str = "client_secret is shown once, and never again: store it now";

pub(crate) async fn run(command: SecretCommand, format: Format) -> Result<(), Failure> {
    match command {
        SecretCommand::Create { client: ClientArgs { client, on }, old_expires_in, why } => {
            let desk = open::desk_because(&on, Access::Change, why).await?;
            output::new_secret(format, &desk.create_secret(client, old_expires_in).await?)?;
            say::note(SHOWN_ONCE);
            Ok(())
        }
        SecretCommand::List(args) => list(&args, format).await,
        SecretCommand::Revoke { client: ClientArgs { client, on }, secret, confirm, why } => {
            let desk = open::desk_because(&on, Access::Change, why).await?;
            if confirm.asks() {
                ask(&format!(
                    "Revoke secret {secret} of client {client}, and refuse every token made with it?"
                ))?;
            }
            let revoked = desk.revoke_secret(client, secret).await?;
            // An operator who may revoke a secret over HTTP may not see the others, unless they have that role, too.
            let left = desk.secrets(client).await.ok();
            if left.is_some_and(|secrets| !secrets.iter().any(|secret| secret["status"] == "active")) {
                say::note(&format!(
                    "client {client} has no active secret left and can't authenticate: `tollgate secret create {client}`"
                ));
            }
            output::object(format, &revoked)
        }
    }
}

async fn list(args: &ClientArgs, format: Format) -> Result<(), Failure> {
    let desk = open::desk(&args.on, Access::Read).await?;
    let columns = &[
        ("secret_id", 36),
        ("status", 7),
        ("created_at", 20),
        ("expires_at", 20),
        ("revoked_at", 20),
        ("last_used_at", 20),
        ("sources", 7),
    ];
    output::list(format, columns, &desk.secrets(args.client).await?)
}
