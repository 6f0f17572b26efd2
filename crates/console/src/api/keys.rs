//! The handlers of `/admin/v1/keys`.

use http::StatusCode;
use tollgate_admin::keys;
use tollgate_core::{Algorithm, Jwk};
use tollgate_http::fields::{Fields, FromFields};

use super::call::{Call, Outcome};
use super::values::Text;
use super::view::{self, AddedKeyView, KeyView};

/// The algorithm of a new key, from a JSON object.
struct NewKey(Algorithm);

impl FromFields for NewKey {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        fields.required::<Text<Algorithm>>("algorithm").map(|Text(algorithm)| Self(algorithm))
    }
}

/// The algorithm whose keys the act concerns; `None` for all algorithms.
struct Which(Option<Algorithm>);

impl FromFields for Which {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(fields.optional::<Text<Algorithm>>("algorithm").map(|Text(algorithm)| algorithm)))
    }
}

pub(super) async fn list(call: Call) -> Outcome {
    call.query().end()?;
    let admin = call.administration();
    let public = keys::public_keys(&admin).await?;
    let shown: Vec<_> = keys::list(&admin)
        .await?
        .iter()
        .map(|listed| {
            let public = public.iter().find(|(id, _)| *id == listed.key.id);
            KeyView::of(listed, public.map(|(id, key)| Jwk::of(key, id.to_string())))
        })
        .collect();
    Ok(view::list(&shown))
}

pub(super) async fn post(call: Call) -> Outcome {
    call.refuse_condition()?;
    let NewKey(algorithm) = call.read()?;
    let added = keys::create(&call.administration(), algorithm, call.actor()).await?;
    Ok(view::answer(StatusCode::CREATED, view::success(&AddedKeyView::of(&added))))
}

pub(super) async fn rotate(call: Call) -> Outcome {
    call.refuse_condition()?;
    let Which(algorithm) = call.read()?;
    let added = keys::rotate_all(&call.administration(), algorithm, call.actor()).await?;
    Ok(view::list(&added.iter().map(AddedKeyView::of).collect::<Vec<_>>()))
}

pub(super) async fn compromised(call: Call) -> Outcome {
    call.refuse_condition()?;
    let Which(algorithm) = call.read()?;
    let added = keys::replace_all_compromised(&call.administration(), algorithm, call.actor()).await?;
    Ok(view::list(&added.iter().map(AddedKeyView::of).collect::<Vec<_>>()))
}
