//! The handlers of `/admin/v1/revocations`.

use http::StatusCode;
use serde::Serialize;
use tollgate_admin::{Page, tokens};
use tollgate_core::{ClientId, MerchantId};
use tollgate_http::Problem;
use tollgate_http::fields::{Fields, FromFields};

use super::call::{Call, Outcome};
use super::paths;
use super::values::{Jti, Text};
use super::view::{self, RevocationView};

/// The tokens to revoke: exactly one member is given.
struct Which {
    token: Option<Jti>,
    client: Option<ClientId>,
    merchant: Option<MerchantId>,
}

impl FromFields for Which {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            token: fields.given::<Text<Jti>>("token_id").map(|Text(id)| id),
            client: fields.given::<Text<ClientId>>("client_id").map(|Text(id)| id),
            merchant: fields.given::<Text<MerchantId>>("merchant_id").map(|Text(id)| id),
        })
    }
}

#[derive(Serialize)]
struct Revoked {
    kind: &'static str,
    id: String,
}

pub(super) async fn list(call: Call) -> Outcome {
    let listing = call.query().listing::<u64>(paths::REVOCATIONS)?;
    let admin = call.administration();
    let found = tokens::list(&admin, listing.after.unwrap_or_default(), listing.limit).await?;
    let is_full = found.len() == listing.limit as usize;
    let next = found.last().filter(|_| is_full).map(|last| last.seq);
    Ok(view::page(&Page { items: found, next }, &listing, RevocationView::of))
}

pub(super) async fn post(call: Call) -> Outcome {
    call.refuse_condition()?;
    let which: Which = call.read()?;
    let (admin, actor) = (call.administration(), call.actor());
    let (kind, id) = match (which.token, which.client, which.merchant) {
        (Some(Jti(id)), None, None) => {
            tokens::revoke(&admin, id, actor).await?;
            ("token", id.to_string())
        }
        (None, Some(id), None) => {
            tokens::revoke_all_of_client(&admin, id, actor).await?;
            ("client", id.to_string())
        }
        (None, None, Some(id)) => {
            tokens::revoke_all_of_merchant(&admin, id, actor).await?;
            ("merchant", id.to_string())
        }
        _ => return Err(Problem::body("must have one of token_id, client_id and merchant_id").into()),
    };
    Ok(view::answer(StatusCode::CREATED, view::success(&Revoked { kind, id })))
}
