//! Acts on merchants.

use serde_json::{Value, json};
use tollgate_admin::Name;
use tollgate_admin::merchants::{self, NewMerchant};
use tollgate_core::MerchantId;
use tollgate_store::Status;

use super::values::{Page, given};
use super::{Desk, PAGE};
use crate::failure::Failure;
use crate::output;

const PATH: &str = "/admin/v1/merchants";

impl Desk {
    pub(crate) async fn create_merchant(&self, new: NewMerchant) -> Result<Value, Failure> {
        match self {
            Self::Store(opened, actor) => {
                Ok(output::merchant(&merchants::create(&opened.administration(), new, actor).await?))
            }
            Self::Server(api) => {
                let body = json!({ "merchant_id": new.id, "name": new.name.as_str() });
                api.post(PATH, &given(body)).await
            }
        }
    }

    /// Returns a page of all merchants.
    pub(crate) async fn merchants(&self, after: Option<&str>) -> Result<Page, Failure> {
        match self {
            Self::Store(opened, _) => {
                let after = after.and_then(|id| id.parse().ok());
                let page = merchants::list(&opened.administration(), after, PAGE).await?;
                let next = page.last().map(|last| last.id.to_string());
                Ok(Page { items: page.iter().map(output::merchant).collect(), next })
            }
            Self::Server(api) => api.page(PATH, &[], after, PAGE).await,
        }
    }

    pub(crate) async fn merchant(&self, id: MerchantId) -> Result<Value, Failure> {
        match self {
            Self::Store(opened, _) => {
                Ok(output::merchant(&merchants::find(&opened.administration(), id).await?))
            }
            Self::Server(api) => api.get(&format!("{PATH}/{id}")).await,
        }
    }

    pub(crate) async fn rename_merchant(&self, id: MerchantId, name: Name) -> Result<Value, Failure> {
        match self {
            Self::Store(opened, actor) => {
                let renamed = merchants::rename(&opened.administration(), id, name, None, actor).await?;
                Ok(output::merchant(&renamed))
            }
            Self::Server(api) => api.patch(&format!("{PATH}/{id}"), &json!({ "name": name.as_str() })).await,
        }
    }

    pub(crate) async fn set_merchant_status(&self, id: MerchantId, status: Status) -> Result<Value, Failure> {
        match (self, status) {
            (Self::Store(opened, actor), Status::Enabled) => {
                Ok(output::merchant(&merchants::enable(&opened.administration(), id, actor).await?))
            }
            (Self::Store(opened, actor), Status::Disabled) => {
                Ok(output::merchant(&merchants::disable(&opened.administration(), id, actor).await?))
            }
            (Self::Server(api), Status::Enabled) => api.order(&format!("{PATH}/{id}/enable")).await,
            (Self::Server(api), Status::Disabled) => api.order(&format!("{PATH}/{id}/disable")).await,
        }
    }

    pub(crate) async fn delete_merchant(&self, id: MerchantId) -> Result<Value, Failure> {
        match self {
            Self::Store(opened, actor) => {
                merchants::delete(&opened.administration(), id, None, actor).await?;
                Ok(json!({ "merchant_id": id, "status": "deleted" }))
            }
            Self::Server(api) => api.delete(&format!("{PATH}/{id}")).await,
        }
    }
}
