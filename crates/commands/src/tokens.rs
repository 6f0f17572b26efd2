//! `tollgate revoke`: revokes tokens.

use serde_json::{Value, json};
use tollgate_operator::{Desk, Tokens, name_of};
use tollgate_store::Access;

use crate::args::RevokeArgs;
use crate::confirm::ask;
use crate::failure::Failure;
use crate::output::Format;
use crate::{open, output};

pub(crate) async fn run(args: RevokeArgs, format: Format) -> Result<(), Failure> {
    let which = match (args.token_id, args.client, args.merchant) {
        (Some(id), _, _) => Tokens::One(id),
        (None, Some(id), _) => Tokens::OfClient(id),
        (None, None, Some(id)) => Tokens::OfMerchant(id),
        (None, None, None) => unreachable!("one of them is required"),
    };
    let desk = open::desk_because(&args.on, Access::Change, args.why).await?;
    if args.confirm.asks() {
        confirm(&desk, which).await?;
    }
    desk.revoke(which).await?;
    output::object(format, &shown(which))
}

async fn confirm(desk: &Desk, which: Tokens) -> Result<(), Failure> {
    match which {
        Tokens::One(_) => Ok(()),
        Tokens::OfClient(id) => {
            ask(&format!("Revoke every token of client {id} ({})?", name_of(&desk.client(id).await?)?))
        }
        Tokens::OfMerchant(id) => {
            let merchant = desk.merchant(id).await?;
            ask(&format!("Revoke every token of the clients of merchant {id} ({})?", name_of(&merchant)?))
        }
    }
}

fn shown(which: Tokens) -> Value {
    let (kind, id) = match which {
        Tokens::One(id) => ("token", id.to_string()),
        Tokens::OfClient(id) => ("client", id.to_string()),
        Tokens::OfMerchant(id) => ("merchant", id.to_string()),
    };
    json!({ "kind": kind, "id": id, "status": "revoked" })
}
