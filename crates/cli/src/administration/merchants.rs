//! `tollgate merchant`.

use serde_json::json;
use tollgate_server::admin::merchants::{self, NewMerchant};
use tollgate_server::admin::{Administration, clients};
use tollgate_store::{Access, Merchant};

use super::PAGE;
use crate::actor::actor_because;
use crate::args::{Format, MerchantArgs, MerchantCommand, StoreArgs};
use crate::confirm::{Confirm, ask};
use crate::failure::Failure;
use crate::open;
use crate::output::{self, List, Reader};

pub(crate) async fn run(command: MerchantCommand, format: Format) -> Result<(), Failure> {
    let print = |merchant: &Merchant| output::object(format, &output::merchant(merchant));
    match command {
        MerchantCommand::Create { id, name, store, why } => {
            let opened = open::installation(&store, Access::Change).await?;
            print(
                &merchants::create(&opened.administration(), NewMerchant { id, name }, &actor_because(why))
                    .await?,
            )
        }
        MerchantCommand::List { store } => list(&store, format).await,
        MerchantCommand::Show(MerchantArgs { merchant, store }) => {
            let opened = open::installation(&store, Access::Read).await?;
            print(&merchants::find(&opened.administration(), merchant).await?)
        }
        MerchantCommand::Rename { merchant: MerchantArgs { merchant, store }, name, why } => {
            let opened = open::installation(&store, Access::Change).await?;
            print(
                &merchants::rename(&opened.administration(), merchant, name, None, &actor_because(why))
                    .await?,
            )
        }
        MerchantCommand::Disable { merchant: MerchantArgs { merchant, store }, confirm, why } => {
            let opened = open::installation(&store, Access::Change).await?;
            let admin = opened.administration();
            confirm_for(confirm, &admin, &merchants::find(&admin, merchant).await?, "Disable").await?;
            print(&merchants::disable(&admin, merchant, &actor_because(why)).await?)
        }
        MerchantCommand::Enable { merchant: MerchantArgs { merchant, store }, why } => {
            let opened = open::installation(&store, Access::Change).await?;
            print(&merchants::enable(&opened.administration(), merchant, &actor_because(why)).await?)
        }
        MerchantCommand::Delete { merchant: MerchantArgs { merchant, store }, confirm, why } => {
            let opened = open::installation(&store, Access::Change).await?;
            let admin = opened.administration();
            confirm_for(confirm, &admin, &merchants::find(&admin, merchant).await?, "Delete").await?;
            merchants::delete(&admin, merchant, None, &actor_because(why)).await?;
            output::object(format, &json!({ "merchant_id": merchant, "status": "deleted" }))
        }
    }
}

/// Asks before something is done to a merchant and all its clients.
async fn confirm_for(
    confirm: Confirm,
    admin: &Administration<'_>,
    merchant: &Merchant,
    act: &str,
) -> Result<(), Failure> {
    if !confirm.asks() {
        return Ok(());
    }
    let (mut count, mut after) = (0, None);
    loop {
        let page = clients::list(admin, Some(merchant.id), after, PAGE).await?;
        count += page.len();
        match page.last() {
            Some(last) => after = Some(last.id),
            None => break,
        }
    }
    ask(&format!(
        "{act} merchant {} ({}), and refuse its {count} clients and every token they have?",
        merchant.id, merchant.name
    ))
}

async fn list(store: &StoreArgs, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store, Access::Read).await?;
    let columns = &[("merchant_id", 36), ("status", 8), ("created_at", 20), ("name", 0)];
    let mut list = List::start(format, columns)?;
    let mut after = None;
    loop {
        let page = merchants::list(&opened.administration(), after, PAGE).await?;
        for merchant in &page {
            if list.item(&output::merchant(merchant))? == Reader::Gone {
                return Ok(());
            }
        }
        match page.last() {
            Some(last) => after = Some(last.id),
            None => return list.end(),
        }
    }
}
