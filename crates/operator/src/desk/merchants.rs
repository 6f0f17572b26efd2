//! The acts on merchants.

use serde_json::{Value, json};
use tollgate_admin::Name;
use tollgate_admin::merchants::{self, NewMerchant};
use tollgate_core::MerchantId;
use tollgate_store::Status;

use super::values::given;
use super::{Desk, PAGE};
use crate::error::OperatorError;
use crate::page::Page;
use crate::view;

const PATH: &str = "/admin/v1/merchants";

impl Desk {
    /// Creates a merchant, and returns it as it is shown.
    pub async fn create_merchant(&self, new: NewMerchant) -> Result<Value, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                Ok(view::merchant(&merchants::create(&opened.administration(), new, actor).await?))
            }
            Self::Server(api) => {
                let body = json!({ "merchant_id": new.id, "name": new.name.as_str() });
                Ok(api.post(PATH, &given(body)).await?)
            }
        }
    }

    /// Returns a page of all merchants.
    pub async fn merchants(&self, after: Option<&str>) -> Result<Page, OperatorError> {
        match self {
            Self::Store(opened, _) => {
                let after = after.and_then(|id| id.parse().ok());
                let page = merchants::list(&opened.administration(), after, PAGE).await?;
                let next = page.last().map(|last| last.id.to_string());
                Ok(Page { items: page.iter().map(view::merchant).collect(), next })
            }
            Self::Server(api) => Ok(api.page(PATH, &[], after, PAGE).await?),
        }
    }

    /// Returns a merchant as it is shown.
    pub async fn merchant(&self, id: MerchantId) -> Result<Value, OperatorError> {
        match self {
            Self::Store(opened, _) => {
                Ok(view::merchant(&merchants::find(&opened.administration(), id).await?))
            }
            Self::Server(api) => Ok(api.get(&format!("{PATH}/{id}")).await?),
        }
    }

    /// Renames a merchant, and returns it.
    pub async fn rename_merchant(&self, id: MerchantId, name: Name) -> Result<Value, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                let renamed = merchants::rename(&opened.administration(), id, name, None, actor).await?;
                Ok(view::merchant(&renamed))
            }
            Self::Server(api) => {
                Ok(api.patch(&format!("{PATH}/{id}"), &json!({ "name": name.as_str() })).await?)
            }
        }
    }

    /// Enables or disables a merchant, and returns it. No token of a disabled merchant's clients is accepted.
    pub async fn set_merchant_status(&self, id: MerchantId, status: Status) -> Result<Value, OperatorError> {
        match (self, status) {
            (Self::Store(opened, actor), Status::Enabled) => {
                Ok(view::merchant(&merchants::enable(&opened.administration(), id, actor).await?))
            }
            (Self::Store(opened, actor), Status::Disabled) => {
                Ok(view::merchant(&merchants::disable(&opened.administration(), id, actor).await?))
            }
            (Self::Server(api), Status::Enabled) => Ok(api.order(&format!("{PATH}/{id}/enable")).await?),
            (Self::Server(api), Status::Disabled) => Ok(api.order(&format!("{PATH}/{id}/disable")).await?),
        }
    }

    /// Deletes a merchant with its clients. All of their tokens are refused.
    pub async fn delete_merchant(&self, id: MerchantId) -> Result<Value, OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                merchants::delete(&opened.administration(), id, None, actor).await?;
                Ok(json!({ "merchant_id": id, "status": "deleted" }))
            }
            Self::Server(api) => Ok(api.delete(&format!("{PATH}/{id}")).await?),
        }
    }
}
