//! `tollgate revoke`.

use serde_json::{Value, json};
use tollgate_core::{ClientId, MerchantId, TokenId};
use tollgate_server::admin::{clients, merchants, tokens};
use tollgate_store::Access;

use crate::actor::actor_because;
use crate::args::{Format, RevokeArgs};
use crate::confirm::ask;
use crate::failure::Failure;
use crate::{open, output};

pub(crate) async fn run(args: RevokeArgs, format: Format) -> Result<(), Failure> {
    let opened = open::installation(&args.store, Access::Change).await?;
    let (admin, actor) = (opened.administration(), actor_because(args.why));
    let asks = args.confirm.asks();
    if let (Some(id), true) = (args.client, asks) {
        let name = clients::find(&admin, id).await?.name;
        ask(&format!("Revoke every token of client {id} ({name})?"))?;
    }
    if let (Some(id), true) = (args.merchant, asks) {
        let name = merchants::find(&admin, id).await?.name;
        ask(&format!("Revoke every token of the clients of merchant {id} ({name})?"))?;
    }
    if let Some(id) = args.token_id {
        tokens::revoke(&admin, id, &actor).await?;
    }
    if let Some(id) = args.client {
        tokens::revoke_all_of_client(&admin, id, &actor).await?;
    }
    if let Some(id) = args.merchant {
        tokens::revoke_all_of_merchant(&admin, id, &actor).await?;
    }
    output::object(format, &shown(args.token_id, args.client, args.merchant))
}

fn shown(token: Option<TokenId>, client: Option<ClientId>, merchant: Option<MerchantId>) -> Value {
    let (kind, id) = match (token, client, merchant) {
        (Some(id), _, _) => ("token", id.to_string()),
        (None, Some(id), _) => ("client", id.to_string()),
        (None, None, id) => ("merchant", id.map(|id| id.to_string()).unwrap_or_default()),
    };
    json!({ "kind": kind, "id": id, "status": "revoked" })
}
