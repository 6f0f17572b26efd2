//! `/admin/v1/clients/{id}/secrets`.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use tollgate_core::{ClientId, SecretId};
use tollgate_http::fields::{Fields, FromFields, read};
use tollgate_store::Creation;

use super::call::{Call, Outcome};
use super::once;
use super::values::{Length, Text};
use super::view::{self, CreatedSecretView, SecretView};
use crate::admin::creation::Draft;
use crate::admin::secrets;

/// Its route, as idempotency keys count for it.
const CREATE: &str = "POST /admin/v1/clients/{id}/secrets";

/// A secret that is to be created.
struct NewSecret {
    others_expire_in: Option<Duration>,
}

impl FromFields for NewSecret {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let others = fields.optional::<Text<Length>>("others_expire_in");
        Some(Self { others_expire_in: others.map(|Text(Length(time))| time) })
    }
}

pub(super) async fn list(call: Call) -> Outcome {
    call.query().end()?;
    let admin = call.administration();
    let (found, now) = (secrets::list(&admin, call.id("id")?).await?, admin.now().await?);
    let shown: Vec<_> = found.iter().map(|secret| SecretView::of(secret, now)).collect();
    Ok(view::list(&shown))
}

pub(super) async fn post(call: Call) -> Outcome {
    call.refuse_condition()?;
    let client: ClientId = call.id("id")?;
    let scope = once::scope(&call, CREATE)?;
    let body = call.body()?;
    let new = match read::<NewSecret>(body) {
        Ok(new) => new,
        Err(problems) => return Err(once::refuse(&call, scope.as_ref(), problems.into()).await),
    };
    let created = secrets::draft(&call.administration(), client, new.others_expire_in).await?;
    let (secret, at) = (created.secret, created.others_expire_at);
    let shown = CreatedSecretView::of(client, secret.id, created.value.expose_secret(), at);
    let shown = view::success(&shown);
    let creation = Creation::Secret { client, secret, others_expire_at: at };
    let draft = Draft { creation, status: StatusCode::CREATED.as_u16(), body: shown };
    once::create(&call, scope, body, draft).await
}

pub(super) async fn revoke(call: Call) -> Outcome {
    #[derive(Serialize)]
    struct Revoked {
        client_id: ClientId,
        secret_id: SecretId,
        status: &'static str,
    }
    call.refuse_condition()?;
    let (client_id, secret_id) = (call.id("id")?, call.id("secret_id")?);
    secrets::revoke(&call.administration(), client_id, secret_id, call.actor()).await?;
    Ok(view::shown(&Revoked { client_id, secret_id, status: "revoked" }))
}
