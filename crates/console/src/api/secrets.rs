//! The handlers of `/admin/v1/clients/{id}/secrets`.

use std::time::Duration;

use serde::Serialize;
use tollgate_admin::secrets::{self, CreatedSecret};
use tollgate_core::{ClientId, SecretId};
use tollgate_http::fields::{Fields, FromFields, read};
use tollgate_store::Secret;

use super::call::{Call, Outcome};
use super::once;
use super::values::{Length, Text};
use super::view::{self, CreatedSecretView, SecretView};

/// The route of a new secret, for which idempotency keys are unique.
const CREATE: &str = "POST /admin/v1/clients/{id}/secrets";

/// A secret to be created, from a JSON object.
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
    let client = call.id("id")?;
    let (found, now) = (secrets::list(&admin, client).await?, admin.now().await?);
    let uses = secrets::uses(&admin, client).await?;
    let used = |secret: &Secret| uses.iter().find(|uses| uses.secret == secret.id);
    let shown: Vec<_> = found.iter().map(|secret| SecretView::of(secret, used(secret), now)).collect();
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
    let shown = |created: &CreatedSecret| view::success(&CreatedSecretView::of(client, created));
    once::create(&call, scope, body, &secrets::Identified::new(client, new.others_expire_in), shown).await
}

pub(super) async fn revoke(call: Call) -> Outcome {
    #[derive(Serialize)]
    struct Revoked {
        client_id: ClientId,
        secret_id: SecretId,
        status: &'static str,
    }
    call.refuse_condition()?;
    call.refuse_body()?;
    let (client_id, secret_id) = (call.id("id")?, call.id("secret_id")?);
    secrets::revoke(&call.administration(), client_id, secret_id, call.actor()).await?;
    Ok(view::shown(&Revoked { client_id, secret_id, status: "revoked" }))
}
