//! Revoking tokens before they expire.

use serde_json::json;
use tollgate_admin::tokens;

use super::Desk;
use super::values::Tokens;
use crate::error::OperatorError;

pub(super) const PATH: &str = "/admin/v1/revocations";

impl Desk {
    /// Revokes tokens from now on.
    pub async fn revoke(&self, which: Tokens) -> Result<(), OperatorError> {
        match self {
            Self::Store(opened, actor) => {
                let admin = opened.administration();
                match which {
                    Tokens::One(id) => drop(tokens::revoke(&admin, id, actor).await?),
                    Tokens::OfClient(id) => tokens::revoke_all_of_client(&admin, id, actor).await?,
                    Tokens::OfMerchant(id) => tokens::revoke_all_of_merchant(&admin, id, actor).await?,
                }
            }
            Self::Server(api) => {
                let body = match which {
                    Tokens::One(id) => json!({ "token_id": id.to_string() }),
                    Tokens::OfClient(id) => json!({ "client_id": id }),
                    Tokens::OfMerchant(id) => json!({ "merchant_id": id }),
                };
                api.post(PATH, &body).await?;
            }
        }
        Ok(())
    }
}
