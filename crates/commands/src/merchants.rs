//! `tollgate merchant`: creates, shows and changes merchants.

use serde_json::Value;
use tollgate_admin::merchants::NewMerchant;
use tollgate_core::MerchantId;
use tollgate_operator::{Desk, name_of};
use tollgate_store::{Access, Status};

use crate::args::{Changing, Ending, MerchantArgs, MerchantCommand, WhereArgs};
use crate::confirm::{Confirm, ask};
use crate::failure::Failure;
use crate::output::Format;
use crate::{open, output};

pub(crate) async fn run(command: MerchantCommand, format: Format) -> Result<(), Failure> {
    let print = |merchant: &Value| output::object(format, merchant);
    match command {
        MerchantCommand::Create { id, name, on, why } => {
            let desk = open::desk_because(&on, Access::Create, why).await?;
            print(&desk.create_merchant(NewMerchant { id, name }).await?)
        }
        MerchantCommand::List { on } => list(&on, format).await,
        MerchantCommand::Show(MerchantArgs { merchant, on }) => {
            print(&open::desk(&on, Access::Read).await?.merchant(merchant).await?)
        }
        MerchantCommand::Rename { merchant: MerchantArgs { merchant, on }, name, why } => {
            let desk = open::desk_because(&on, Access::Change, why).await?;
            print(&desk.rename_merchant(merchant, name).await?)
        }
        MerchantCommand::Disable(Ending { what: MerchantArgs { merchant, on }, confirm, why }) => {
            let desk = open::desk_because(&on, Access::Change, why).await?;
            confirm_for(confirm, &desk, merchant, "Disable").await?;
            print(&desk.set_merchant_status(merchant, Status::Disabled).await?)
        }
        MerchantCommand::Enable(Changing { what: MerchantArgs { merchant, on }, why }) => {
            let desk = open::desk_because(&on, Access::Change, why).await?;
            print(&desk.set_merchant_status(merchant, Status::Enabled).await?)
        }
        MerchantCommand::Delete(Ending { what: MerchantArgs { merchant, on }, confirm, why }) => {
            let desk = open::desk_because(&on, Access::Change, why).await?;
            confirm_for(confirm, &desk, merchant, "Delete").await?;
            print(&desk.delete_merchant(merchant).await?)
        }
    }
}

/// Asks before something is done to a merchant and all its clients.
async fn confirm_for(confirm: Confirm, desk: &Desk, id: MerchantId, act: &str) -> Result<(), Failure> {
    if !confirm.asks() {
        return Ok(());
    }
    let merchant = desk.merchant(id).await?;
    let count = desk.clients_of(Some(id)).await?.len();
    let name = name_of(&merchant)?;
    ask(&format!("{act} merchant {id} ({name}), and refuse its {count} clients and every token they have?"))
}

async fn list(on: &WhereArgs, format: Format) -> Result<(), Failure> {
    let desk = open::desk(on, Access::Read).await?;
    let columns = &[("merchant_id", 36), ("status", 8), ("created_at", 20), ("name", 0)];
    output::pages(format, columns, async |after| Ok(desk.merchants(after).await?)).await
}
