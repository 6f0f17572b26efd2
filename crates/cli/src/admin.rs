//! Administration of merchants, clients and secrets. A running server sees a change within a second.

use std::time::Duration;

use serde_json::json;
use tollgate_core::{ClientId, Environment, MerchantId};
use tollgate_store::{Client, Merchant, Status};

use crate::args::{
    ClientArgs, ClientCommand, Format, MerchantArgs, MerchantCommand, SecretCommand, StoreArgs,
};
use crate::credentials::{NewClient, draw_secret};
use crate::failure::Failure;
use crate::open::{self, Opened};
use crate::output::{self, List};

/// How many rows are read at once.
const PAGE: u32 = 1_000;

pub(crate) async fn merchant(command: MerchantCommand, format: Format) -> Result<(), Failure> {
    match command {
        MerchantCommand::Create { name, store } => {
            let opened = open::installation(&store).await?;
            let id = MerchantId::random(&mut rand::rng());
            let merchant = Merchant { id, name, status: Status::Enabled, created_at: opened.now };
            opened.store.create_merchant(&merchant).await?;
            output::object(format, &output::merchant(&merchant))
        }
        MerchantCommand::List { store } => list_merchants(&store, format).await,
        MerchantCommand::Disable(args) => set_merchant_status(&args, Status::Disabled, format).await,
        MerchantCommand::Enable(args) => set_merchant_status(&args, Status::Enabled, format).await,
    }
}

async fn set_merchant_status(args: &MerchantArgs, status: Status, format: Format) -> Result<(), Failure> {
    let opened = open::installation(&args.store).await?;
    let id = args.merchant;
    let found = opened.store.merchant(id).await?.ok_or_else(|| unknown_merchant(id))?;
    wait_if_enabled_again(found.status, status).await;
    opened.store.set_merchant_status(id, status, opened.now).await?;
    let merchant = opened.store.merchant(id).await?.ok_or_else(|| unknown_merchant(id))?;
    output::object(format, &output::merchant(&merchant))
}

/// Waits until every server in touch with the store has read that something was disabled, before that is enabled again: a
/// server that had heard of neither would issue tokens of before, which the others refuse.
async fn wait_if_enabled_again(found: Status, status: Status) {
    const READ_WITHIN: Duration = Duration::from_secs(1);
    if (found, status) == (Status::Disabled, Status::Enabled) {
        tokio::time::sleep(READ_WITHIN).await;
    }
}

fn unknown_merchant(id: MerchantId) -> Failure {
    Failure::new(format!("there is no merchant {id}: `tollgate merchant list` shows them"))
}

async fn list_merchants(store: &StoreArgs, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store).await?;
    let mut list =
        List::start(format, &[("merchant_id", 36), ("status", 8), ("created_at", 20), ("name", 0)])?;
    let mut after = None;
    loop {
        let page = opened.store.merchants(after, PAGE).await?;
        for merchant in &page {
            list.item(&output::merchant(merchant))?;
        }
        match page.last() {
            Some(last) => after = Some(last.id),
            None => return list.end(),
        }
    }
}

pub(crate) async fn client(command: ClientCommand, format: Format) -> Result<(), Failure> {
    match command {
        ClientCommand::Create { merchant, operator: _, name, scope, env, allow_from, store } => {
            let opened = open::installation(&store).await?;
            let default = if opened.config.sandbox { Environment::Test } else { Environment::Live };
            let environment = env.unwrap_or(default);
            let new = NewClient { merchant_id: merchant, name, environment, scope, addresses: allow_from };
            create_client(&opened, new, format).await
        }
        ClientCommand::List { merchant, store } => list_clients(&store, merchant, format).await,
        ClientCommand::Show(args) => {
            let opened = open::installation(&args.store).await?;
            output::object(format, &output::client(&find(&opened, args.client).await?, opened.now))
        }
        ClientCommand::Disable(args) => set_status(&args, Status::Disabled, format).await,
        ClientCommand::Enable(args) => set_status(&args, Status::Enabled, format).await,
        ClientCommand::Delete(args) => {
            let opened = open::installation(&args.store).await?;
            known(opened.store.delete_client(args.client, opened.now).await?, args.client)?;
            output::object(format, &json!({ "client_id": args.client, "status": "deleted" }))
        }
    }
}

async fn create_client(opened: &Opened, new: NewClient, format: Format) -> Result<(), Failure> {
    let merchant = new.merchant_id;
    let (client, secret) = new.draw(&opened.master_key.secret_hasher(), opened.now);
    if !opened.store.create_client(&client).await? {
        let merchant = merchant.map(|id| id.to_string()).unwrap_or_default();
        return Err(Failure::new(format!(
            "there is no merchant {merchant}: `tollgate merchant list` shows them"
        )));
    }
    output::object(
        format,
        &json!({
            "client_id": client.id,
            "client_secret": secret.expose_secret(),
            "secret_id": client.secrets[0].id,
            "merchant_id": client.merchant_id,
            "name": client.name,
            "environment": client.environment,
            "scope": client.scope.as_str(),
        }),
    )
}

async fn list_clients(
    store: &StoreArgs,
    merchant: Option<MerchantId>,
    format: Format,
) -> Result<(), Failure> {
    let opened = open::installation(store).await?;
    let columns = &[("client_id", 36), ("merchant_id", 36), ("environment", 11), ("status", 8), ("name", 0)];
    let mut list = List::start(format, columns)?;
    let mut after = None;
    loop {
        let page = opened.store.clients(merchant, after, PAGE).await?;
        for client in &page {
            list.item(&output::client(client, opened.now))?;
        }
        match page.last() {
            Some(last) => after = Some(last.id),
            None => return list.end(),
        }
    }
}

async fn set_status(args: &ClientArgs, status: Status, format: Format) -> Result<(), Failure> {
    let opened = open::installation(&args.store).await?;
    wait_if_enabled_again(find(&opened, args.client).await?.status, status).await;
    known(opened.store.set_client_status(args.client, status, opened.now).await?, args.client)?;
    output::object(format, &output::client(&find(&opened, args.client).await?, opened.now))
}

pub(crate) async fn secret(command: SecretCommand, format: Format) -> Result<(), Failure> {
    match command {
        SecretCommand::Create { client, old_expires_in } => {
            let opened = open::installation(&client.store).await?;
            let environment = find(&opened, client.client).await?.environment;
            let (secret, value) =
                draw_secret(&opened.master_key.secret_hasher(), client.client, environment, opened.now);
            let lapse = old_expires_in.map(|time| opened.now.after(time));
            known(opened.store.add_secret(client.client, &secret, lapse, opened.now).await?, client.client)?;
            output::object(
                format,
                &json!({
                    "client_id": client.client,
                    "client_secret": value.expose_secret(),
                    "secret_id": secret.id,
                    "others_expire_at": lapse.map(output::time),
                }),
            )
        }
        SecretCommand::List(args) => {
            let opened = open::installation(&args.store).await?;
            let client = find(&opened, args.client).await?;
            let columns = &[
                ("secret_id", 36),
                ("status", 7),
                ("created_at", 20),
                ("expires_at", 20),
                ("revoked_at", 20),
            ];
            let mut list = List::start(format, columns)?;
            for secret in &client.secrets {
                list.item(&output::secret(secret, opened.now))?;
            }
            list.end()
        }
        SecretCommand::Revoke { client, secret } => {
            let opened = open::installation(&client.store).await?;
            if !opened.store.revoke_secret(client.client, secret, opened.now).await? {
                return Err(Failure::new(format!(
                    "client {0} has no secret {secret}: `tollgate secret list {0}` shows them",
                    client.client
                )));
            }
            output::object(
                format,
                &json!({ "client_id": client.client, "secret_id": secret, "status": "revoked" }),
            )
        }
    }
}

async fn find(opened: &Opened, id: ClientId) -> Result<Client, Failure> {
    opened.store.client(id).await?.ok_or_else(|| unknown(id))
}

fn known(found: bool, id: ClientId) -> Result<(), Failure> {
    if found { Ok(()) } else { Err(unknown(id)) }
}

fn unknown(id: ClientId) -> Failure {
    Failure::new(format!("there is no client {id}: `tollgate client list` shows them"))
}
