//! Administration of merchants, clients and secrets. A running server sees a change within a second.

use serde_json::json;
use tollgate_core::{Audience, MerchantId};
use tollgate_server::admin::clients::{self, NewClient};
use tollgate_server::admin::{merchants, secrets};
use tollgate_store::{Client, Merchant};

use crate::actor::actor;
use crate::args::{ClientCommand, Format, MerchantCommand, SecretCommand, StoreArgs};
use crate::failure::Failure;
use crate::open;
use crate::output::{self, List};

/// How many rows are read at once.
const PAGE: u32 = 1_000;

pub(crate) async fn merchant(command: MerchantCommand, format: Format) -> Result<(), Failure> {
    let print = |merchant: &Merchant| output::object(format, &output::merchant(merchant));
    match command {
        MerchantCommand::Create { name, store } => {
            let opened = open::installation(&store).await?;
            print(&merchants::create(&opened.administration(), name, &actor()).await?)
        }
        MerchantCommand::List { store } => list_merchants(&store, format).await,
        MerchantCommand::Disable(args) => {
            let opened = open::installation(&args.store).await?;
            print(&merchants::disable(&opened.administration(), args.merchant, &actor()).await?)
        }
        MerchantCommand::Enable(args) => {
            let opened = open::installation(&args.store).await?;
            print(&merchants::enable(&opened.administration(), args.merchant, &actor()).await?)
        }
    }
}

async fn list_merchants(store: &StoreArgs, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store).await?;
    let columns = &[("merchant_id", 36), ("status", 8), ("created_at", 20), ("name", 0)];
    let mut list = List::start(format, columns)?;
    let mut after = None;
    loop {
        let page = merchants::list(&opened.administration(), after, PAGE).await?;
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
    let print = |client: &Client, now| output::object(format, &output::client(client, now));
    match command {
        ClientCommand::Create { merchant, operator: _, name, scope, env, allow_from, audience, store } => {
            let new = NewClient {
                merchant_id: merchant,
                name,
                environment: env,
                scope,
                addresses: allow_from,
                audiences: audience,
            };
            create_client(new, &store, format).await
        }
        ClientCommand::List { merchant, store } => list_clients(&store, merchant, format).await,
        ClientCommand::Show(args) => {
            let opened = open::installation(&args.store).await?;
            let admin = opened.administration();
            print(&clients::find(&admin, args.client).await?, admin.now().await?)
        }
        ClientCommand::Disable(args) => {
            let opened = open::installation(&args.store).await?;
            let admin = opened.administration();
            print(&clients::disable(&admin, args.client, &actor()).await?, admin.now().await?)
        }
        ClientCommand::Enable(args) => {
            let opened = open::installation(&args.store).await?;
            let admin = opened.administration();
            print(&clients::enable(&admin, args.client, &actor()).await?, admin.now().await?)
        }
        ClientCommand::Delete(args) => {
            let opened = open::installation(&args.store).await?;
            clients::delete(&opened.administration(), args.client, &actor()).await?;
            output::object(format, &json!({ "client_id": args.client, "status": "deleted" }))
        }
    }
}

async fn create_client(new: NewClient, store: &StoreArgs, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store).await?;
    let created = clients::create(&opened.administration(), new, &actor()).await?;
    let client = &created.client;
    output::object(
        format,
        &json!({
            "client_id": client.id,
            "client_secret": created.secret.expose_secret(),
            "secret_id": client.secrets.first().map(|secret| secret.id),
            "merchant_id": client.merchant_id,
            "name": client.name,
            "environment": client.environment,
            "scope": client.scope.as_str(),
            "audiences": client.audiences.iter().map(Audience::as_str).collect::<Vec<_>>(),
        }),
    )
}

async fn list_clients(
    store: &StoreArgs,
    merchant: Option<MerchantId>,
    format: Format,
) -> Result<(), Failure> {
    let opened = open::installation(store).await?;
    let admin = opened.administration();
    let now = admin.now().await?;
    let columns = &[("client_id", 36), ("merchant_id", 36), ("environment", 11), ("status", 8), ("name", 0)];
    let mut list = List::start(format, columns)?;
    let mut after = None;
    loop {
        let page = clients::list(&admin, merchant, after, PAGE).await?;
        for client in &page {
            list.item(&output::client(client, now))?;
        }
        match page.last() {
            Some(last) => after = Some(last.id),
            None => return list.end(),
        }
    }
}

pub(crate) async fn secret(command: SecretCommand, format: Format) -> Result<(), Failure> {
    match command {
        SecretCommand::Create { client, old_expires_in } => {
            let opened = open::installation(&client.store).await?;
            let admin = opened.administration();
            let created = secrets::create(&admin, client.client, old_expires_in, &actor()).await?;
            output::object(
                format,
                &json!({
                    "client_id": client.client,
                    "client_secret": created.value.expose_secret(),
                    "secret_id": created.secret.id,
                    "others_expire_at": created.others_expire_at.map(output::time),
                }),
            )
        }
        SecretCommand::List(args) => {
            let opened = open::installation(&args.store).await?;
            let admin = opened.administration();
            let (secrets, now) = (secrets::list(&admin, args.client).await?, admin.now().await?);
            let columns = &[
                ("secret_id", 36),
                ("status", 7),
                ("created_at", 20),
                ("expires_at", 20),
                ("revoked_at", 20),
            ];
            let mut list = List::start(format, columns)?;
            for secret in &secrets {
                list.item(&output::secret(secret, now))?;
            }
            list.end()
        }
        SecretCommand::Revoke { client, secret } => {
            let opened = open::installation(&client.store).await?;
            secrets::revoke(&opened.administration(), client.client, secret, &actor()).await?;
            output::object(
                format,
                &json!({ "client_id": client.client, "secret_id": secret, "status": "revoked" }),
            )
        }
    }
}
