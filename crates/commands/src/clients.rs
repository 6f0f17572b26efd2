//! `tollgate client`: creates, shows and changes clients.

use serde_json::Value;
use tollgate_admin::clients::NewClient;
use tollgate_admin::imported::ImportedSecrets;
use tollgate_admin::scopes;
use tollgate_core::{ClientId, MerchantId, Scope};
use tollgate_operator::{Desk, name_of};
use tollgate_store::{Access, LabelsError, Status};

use crate::args::{Changing, ClientArgs, ClientCommand, ClientUpdateArgs, Ending, WhereArgs, Why};
use crate::confirm::{Confirm, ask};
use crate::failure::Failure;
use crate::output::Format;
use crate::{import, open, output, say};

pub(crate) async fn run(command: ClientCommand, format: Format) -> Result<(), Failure> {
    let print = |client: &Value| output::object(format, client);
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
            on,
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
                terms: terms.terms().map_err(|error| wrong_labels(&error))?,
                secrets: ImportedSecrets::default(),
            };
            create(new, &on, why, format).await
        }
        ClientCommand::Import(args) => import::run(*args, format).await,
        ClientCommand::List { merchant, on } => list(&on, merchant, format).await,
        ClientCommand::Show(ClientArgs { client, on }) => {
            print(&open::desk(&on, Access::Read).await?.client(client).await?)
        }
        ClientCommand::Update(args) => update(args, format).await,
        ClientCommand::Disable(Ending { what: ClientArgs { client, on }, confirm, why }) => {
            let desk = open::desk_because(&on, Access::Change, why).await?;
            confirm_for(confirm, &desk, client, "Disable", "").await?;
            print(&desk.set_client_status(client, Status::Disabled).await?)
        }
        ClientCommand::Enable(Changing { what: ClientArgs { client, on }, why }) => {
            let desk = open::desk_because(&on, Access::Change, why).await?;
            print(&desk.set_client_status(client, Status::Enabled).await?)
        }
        ClientCommand::Delete(Ending { what: ClientArgs { client, on }, confirm, why }) => {
            let desk = open::desk_because(&on, Access::Change, why).await?;
            confirm_for(confirm, &desk, client, "Delete", " for ever").await?;
            print(&desk.delete_client(client).await?)
        }
    }
}

fn wrong_labels(error: &LabelsError) -> Failure {
    Failure::of_misuse(format!("--label: {error}"))
}

/// Asks before a client is disabled or deleted.
async fn confirm_for(
    confirm: Confirm,
    desk: &Desk,
    id: ClientId,
    act: &str,
    how: &str,
) -> Result<(), Failure> {
    if !confirm.asks() {
        return Ok(());
    }
    let client = desk.client(id).await?;
    let name = name_of(&client)?;
    ask(&format!("{act} client {id} ({name}){how}, and refuse every token it has?"))
}

async fn create(new: NewClient, on: &WhereArgs, why: Why, format: Format) -> Result<(), Failure> {
    let desk = open::desk_because(on, Access::Create, why).await?;
    warn_of_unknown(&new.scope);
    warn_of_roles(&new.scope, new.merchant_id);
    output::new_secret(format, &desk.create_client(new).await?)?;
    say::note(super::secrets::SHOWN_ONCE);
    Ok(())
}

async fn update(args: ClientUpdateArgs, format: Format) -> Result<(), Failure> {
    let ClientUpdateArgs { client: ClientArgs { client: id, on }, why, .. } = &args;
    let (id, why) = (*id, why.clone());
    let desk = open::desk_because(on, Access::Change, why).await?;
    let update = args.changes().map_err(|error| wrong_labels(&error))?;
    if let Some(scope) = &update.scope {
        warn_of_unknown(scope);
    }
    // An operator who may change a client over HTTP may not see it, unless they have that role, too.
    let reaches_new_tokens = update.scope.is_some() || update.audiences.is_some();
    let before = if reaches_new_tokens { Some(desk.client(id).await?) } else { None };
    let client = desk.update_client(id, &update).await?;
    output::object(format, &client)?;
    if update.addresses.is_some() {
        say::note(
            "tokens that were issued before it had these networks are refused: its callers obtain new ones when they are told 401",
        );
    }
    let Some(before) = before else { return Ok(()) };
    for kept in desk.kept_by_tokens(&before, &client) {
        say::note(&format!(
            "tokens that were issued before keep their {kept} until they expire: `tollgate revoke --client {id}` ends them"
        ));
    }
    Ok(())
}

/// Warns of roles that the client of a merchant can't use: only an operator's client may administer.
fn warn_of_roles(scope: &Scope, merchant: Option<MerchantId>) {
    let roles: Vec<&str> = scope.words().filter(|word| word.starts_with("admin:")).collect();
    if merchant.is_some() && !roles.is_empty() {
        say::warning(&format!(
            "a merchant's client can't use {}: `client create --operator` makes one that can",
            roles.join(" ")
        ));
    }
}

/// Warns of scopes that Tollgate doesn't require: other APIs may, but a typing error is more likely.
fn warn_of_unknown(scope: &Scope) {
    for unknown in scopes::unknown(scope) {
        say::warning(&unknown.to_string());
    }
}

async fn list(on: &WhereArgs, merchant: Option<MerchantId>, format: Format) -> Result<(), Failure> {
    let desk = open::desk(on, Access::Read).await?;
    let columns = &[("client_id", 36), ("merchant_id", 36), ("environment", 11), ("status", 8), ("name", 0)];
    output::pages(format, columns, async |after| Ok(desk.clients(merchant, after).await?)).await
}
