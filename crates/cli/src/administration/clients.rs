//! `tollgate client`.

use serde_json::json;
use tollgate_core::{Audience, MerchantId, Scope};
use tollgate_server::admin::clients::{self, NewClient};
use tollgate_server::admin::scopes;
use tollgate_store::{Access, Client, ClientUpdate, LabelsError};

use super::PAGE;
use crate::actor::actor_because;
use crate::args::{ClientArgs, ClientCommand, Format, StoreArgs, Why};
use crate::confirm::{Confirm, ask};
use crate::failure::Failure;
use crate::output::{self, List, Reader};
use crate::{open, say};

pub(crate) async fn run(command: ClientCommand, format: Format) -> Result<(), Failure> {
    let print = |client: &Client, now| output::object(format, &output::client(client, now));
    match command {
        ClientCommand::Create {
            merchant,
            operator: _,
            id,
            name,
            scope,
            env,
            allow_from,
            audience,
            terms,
            store,
            why,
        } => {
            let new = NewClient {
                merchant_id: merchant,
                name,
                environment: env,
                scope,
                addresses: allow_from,
                audiences: audience,
                id,
                terms: terms.terms().map_err(wrong_labels)?,
            };
            create(new, &store, why, format).await
        }
        ClientCommand::List { merchant, store } => list(&store, merchant, format).await,
        ClientCommand::Show(ClientArgs { client, store }) => {
            let opened = open::installation(&store, Access::Read).await?;
            let admin = opened.administration();
            print(&clients::find(&admin, client).await?, admin.now().await?)
        }
        ClientCommand::Update {
            client,
            name,
            scope,
            allow_from,
            allow_from_anywhere,
            audience,
            terms,
            why,
        } => {
            let name = name.map(String::from);
            let addresses = (allow_from_anywhere || !allow_from.is_empty()).then_some(allow_from);
            let audiences = (!audience.is_empty()).then_some(audience);
            let changes = ClientUpdate { name, scope, addresses, audiences, ..ClientUpdate::default() };
            update(&client, &terms.add_to(changes).map_err(wrong_labels)?, why, format).await
        }
        ClientCommand::Disable { client, confirm, why } => disable(&client, confirm, why, format).await,
        ClientCommand::Enable { client: ClientArgs { client, store }, why } => {
            let opened = open::installation(&store, Access::Change).await?;
            let admin = opened.administration();
            print(&clients::enable(&admin, client, &actor_because(why)).await?, admin.now().await?)
        }
        ClientCommand::Delete { client, confirm, why } => delete(&client, confirm, why, format).await,
    }
}

fn wrong_labels(error: LabelsError) -> Failure {
    Failure::new(format!("--label: {error}"))
}

async fn disable(args: &ClientArgs, confirm: Confirm, why: Why, format: Format) -> Result<(), Failure> {
    let (opened, client) = (open::installation(&args.store, Access::Change).await?, args.client);
    let admin = opened.administration();
    if confirm.asks() {
        let name = clients::find(&admin, client).await?.name;
        ask(&format!("Disable client {client} ({name}), and refuse every token it has?"))?;
    }
    let disabled = clients::disable(&admin, client, &actor_because(why)).await?;
    output::object(format, &output::client(&disabled, admin.now().await?))
}

async fn delete(args: &ClientArgs, confirm: Confirm, why: Why, format: Format) -> Result<(), Failure> {
    let (opened, client) = (open::installation(&args.store, Access::Change).await?, args.client);
    let admin = opened.administration();
    if confirm.asks() {
        let name = clients::find(&admin, client).await?.name;
        ask(&format!("Delete client {client} ({name}) for ever, and refuse every token it has?"))?;
    }
    clients::delete(&admin, client, None, &actor_because(why)).await?;
    output::object(format, &json!({ "client_id": client, "status": "deleted" }))
}

async fn create(new: NewClient, store: &StoreArgs, why: Why, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store, Access::Change).await?;
    warn_of_unknown(&new.scope);
    let created = clients::create(&opened.administration(), new, &actor_because(why)).await?;
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
            "allow_from": output::networks(&client.addresses),
            "audiences": client.audiences.iter().map(Audience::as_str).collect::<Vec<_>>(),
        }),
    )?;
    say::note(super::secrets::SHOWN_ONCE);
    Ok(())
}

async fn update(args: &ClientArgs, update: &ClientUpdate, why: Why, format: Format) -> Result<(), Failure> {
    let opened = open::installation(&args.store, Access::Change).await?;
    let admin = opened.administration();
    if let Some(scope) = &update.scope {
        warn_of_unknown(scope);
    }
    let before = clients::find(&admin, args.client).await?;
    let client = clients::update(&admin, args.client, update, None, &actor_because(why)).await?;
    output::object(format, &output::client(&client, admin.now().await?))?;
    let has_lost_scope = !before.scope.is_subset_of(&client.scope);
    let default = opened.config.default_access_tokens().audience;
    let may_still_have = |audience: &str| match &*client.audiences {
        [] => audience == default,
        chosen => chosen.iter().any(|one| one.as_str() == audience),
    };
    let had_default = before.audiences.is_empty().then_some(default);
    let mut had = before.audiences.iter().map(Audience::as_str).chain(had_default);
    let has_lost_audience = !had.all(may_still_have);
    for (kept, is_kept) in [("scope", has_lost_scope), ("audience", has_lost_audience)] {
        if is_kept {
            say::note(&format!(
                "tokens that were issued before keep their {kept} until they expire: to end them, `tollgate client disable {}` \
                 and enable it again",
                args.client
            ));
        }
    }
    Ok(())
}

/// Warns of scopes that nothing here asks for: other APIs may, but a typing error is more likely.
fn warn_of_unknown(scope: &Scope) {
    for unknown in scopes::unknown(scope) {
        say::warning(&unknown.to_string());
    }
}

async fn list(store: &StoreArgs, merchant: Option<MerchantId>, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store, Access::Read).await?;
    let admin = opened.administration();
    let now = admin.now().await?;
    let columns = &[("client_id", 36), ("merchant_id", 36), ("environment", 11), ("status", 8), ("name", 0)];
    let mut list = List::start(format, columns)?;
    let mut after = None;
    loop {
        let page = clients::list(&admin, merchant, after, PAGE).await?;
        for client in &page {
            if list.item(&output::client(client, now))? == Reader::Gone {
                return Ok(());
            }
        }
        match page.last() {
            Some(last) => after = Some(last.id),
            None => return list.end(),
        }
    }
}
