//! The handlers of `/admin/v1/merchants`.

use serde::Serialize;
use tollgate_admin::Name;
use tollgate_admin::merchants::{self, MerchantFilter, NewMerchant};
use tollgate_core::MerchantId;
use tollgate_http::fields::{Fields, FromFields, read};
use tollgate_store::Merchant;

use super::call::{Call, Outcome};
use super::values::{Part, StatusText, Text};
use super::view::{self, MerchantView};
use super::{once, paths};

/// The route of a new merchant, for which idempotency keys are unique.
const CREATE: &str = "POST /admin/v1/merchants";

/// A merchant to be created, from a JSON object.
struct MerchantBody(NewMerchant);

impl FromFields for MerchantBody {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.optional::<Text<MerchantId>>("merchant_id").map(|Text(id)| id);
        let name = fields.required::<Text<Name>>("name");
        Some(Self(NewMerchant { id, name: name?.0 }))
    }
}

/// The new name of a merchant, from a JSON object.
struct Rename(Name);

impl FromFields for Rename {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        fields.required::<Text<Name>>("name").map(|Text(name)| Self(name))
    }
}

pub(super) async fn list(call: Call) -> Outcome {
    let mut query = call.query();
    let filter = MerchantFilter {
        name: query.filter::<Part>("name").map(|Part(text)| text),
        status: query.filter::<StatusText>("status").map(|StatusText(status)| status),
    };
    let listing = query.listing(paths::MERCHANTS)?;
    let admin = call.administration();
    let found = merchants::search(&admin, &filter, listing.after, listing.limit).await?;
    Ok(view::page(&found, &listing, MerchantView::of))
}

pub(super) async fn post(call: Call) -> Outcome {
    call.refuse_condition()?;
    let scope = once::scope(&call, CREATE)?;
    let body = call.body()?;
    let new = match read::<MerchantBody>(body) {
        Ok(MerchantBody(new)) => new,
        Err(problems) => return Err(once::refuse(&call, scope.as_ref(), problems.into()).await),
    };
    let shown = |merchant: &Merchant| view::success(&MerchantView::of(merchant));
    once::create(&call, scope, body, &merchants::Identified::from(new), shown).await
}

pub(super) async fn show(call: Call) -> Outcome {
    call.query().end()?;
    let merchant = merchants::find(&call.administration(), call.id("id")?).await?;
    Ok(view::shown_in(merchant.version, &MerchantView::of(&merchant)))
}

pub(super) async fn patch(call: Call) -> Outcome {
    let id = call.id("id")?;
    let Rename(name) = call.read()?;
    let admin = call.administration();
    let merchant = merchants::rename(&admin, id, name, call.only()?.as_deref(), call.actor()).await?;
    Ok(view::shown_in(merchant.version, &MerchantView::of(&merchant)))
}

pub(super) async fn disable(call: Call) -> Outcome {
    call.refuse_condition()?;
    call.refuse_body()?;
    let merchant = merchants::disable(&call.administration(), call.id("id")?, call.actor()).await?;
    Ok(view::shown_in(merchant.version, &MerchantView::of(&merchant)))
}

pub(super) async fn enable(call: Call) -> Outcome {
    call.refuse_condition()?;
    call.refuse_body()?;
    let merchant = merchants::enable(&call.administration(), call.id("id")?, call.actor()).await?;
    Ok(view::shown_in(merchant.version, &MerchantView::of(&merchant)))
}

pub(super) async fn delete(call: Call) -> Outcome {
    #[derive(Serialize)]
    struct Deleted {
        merchant_id: MerchantId,
        status: &'static str,
    }
    call.refuse_body()?;
    let (id, admin) = (call.id("id")?, call.administration());
    merchants::delete(&admin, id, call.only()?.as_deref(), call.actor()).await?;
    Ok(view::shown(&Deleted { merchant_id: id, status: "deleted" }))
}
