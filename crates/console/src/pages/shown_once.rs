//! Shows a new secret, which can't be shown again later.
//!
//! Loading the page again sends its form again, which must neither create a second secret nor lose the first: each form has an
//! idempotency key, and the answer is kept sealed under it, as the API keeps the answers to its callers.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tollgate_admin::creation::{self, New, Request, RequestClock};
use tollgate_core::{Environment, MerchantId};
use tollgate_server::error::Error;
use tollgate_store::IdempotencyScope;
use zeroize::Zeroize;

use super::frame::Frame;
use super::page::{Field, html};
use super::session::drawn;
use super::visit::{Outcome, Visit};

/// The page's content about a new secret.
#[derive(Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) client_id: String,
    pub(super) secret_id: String,
    pub(super) client_secret: String,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.client_secret.zeroize();
    }
}

#[derive(Template)]
#[template(path = "console/shown-once.html")]
struct ShownOnce<'a> {
    frame: &'a Frame,
    title: &'static str,
    shown: &'a Shown,
}

/// Makes the field by which a form is recognized when it is sent again.
pub(super) fn once() -> Field {
    Field::hidden("once", drawn())
}

/// Creates an object that has a secret and shows it, or shows it again if the same form is sent again.
pub(super) async fn create<N: New>(
    visit: &Visit,
    route: &'static str,
    title: &'static str,
    content: Vec<u8>,
    new: &N,
    shown: impl Fn(&N::Created) -> Shown + Sync,
) -> Outcome {
    let body = |created: &N::Created| {
        let shown = serde_json::to_vec(&shown(created)).expect("texts serialise");
        (StatusCode::CREATED.as_u16(), shown)
    };
    let content = [visit.path().as_bytes(), b"\n", &content].concat();
    let request = Request { scope: scope(visit, route)?, content, clock: clock(visit) };
    let given = creation::create_once(&visit.administration(), new, request, body, visit.actor()).await?;
    let shown = serde_json::from_slice(&given.body);
    let shown = shown.map_err(|_| Error::Internal("the answer that was kept is no secret".to_owned()))?;
    Ok(page(visit, title, &shown))
}

fn page(visit: &Visit, title: &'static str, shown: &Shown) -> Response {
    html(StatusCode::CREATED, &ShownOnce { frame: &visit.frame(), title, shown })
}

/// Returns the scope in which the key of a form is unique: its session, which nobody else can use.
fn scope(visit: &Visit, route: &'static str) -> Result<IdempotencyScope, Error> {
    let key = visit.form().text("once");
    let is_drawn =
        key.len() == 43 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_drawn {
        return Err(Error::NoSuchThing);
    }
    Ok(IdempotencyScope {
        merchant_id: MerchantId::from_bytes(*visit.session().signed_in.id.as_bytes()),
        environment: Environment::Live,
        route,
        key: key.to_owned(),
    })
}

fn clock(visit: &Visit) -> RequestClock {
    let installation = visit.state().installation();
    RequestClock { steady_now: installation.steady_now(), passed: installation.passed() }
}
