//! Signing in, and out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Request, State as Shared};
use axum::response::Response;
use http::StatusCode;
use http::header::SET_COOKIE;
use tollgate_admin::{AdminError, console};
use tollgate_core::wire::Code;
use tollgate_http::read_body;
use tollgate_http::refusal::Reason;
use tollgate_server::Arrival;
use tollgate_server::error::Error;
use zeroize::Zeroizing;

use super::form::{Fields, check_origin};
use super::page::{html, moved};
use super::paths;
use super::refused::{self, Refused};
use super::session::{Session, no_cookie};
use super::shared::Console;
use super::visit::{Outcome, Visit, whence};

/// The longest link, in bytes.
const MAX_LINK: usize = 8 * 1024;

/// The page for signing in.
#[derive(Template)]
#[template(path = "console/sign-in.html")]
pub(super) struct SignIn<'a> {
    /// The token of the link that led here.
    link: Option<&'a str>,
    /// Why signing in did not work.
    problem: Option<&'a str>,
    has_signed_out: bool,
    /// The provider by which people can sign in, if there is one.
    provider: Option<ByProvider<'a>>,
}

/// A provider that people can sign in by.
struct ByProvider<'a> {
    name: &'a str,
    /// The URL that starts it: at the origin to which the provider sends people back, so that its cookies are sent.
    href: String,
}

impl<'a> SignIn<'a> {
    /// Makes the page of this server.
    pub(super) fn new(console: &'a Console) -> Self {
        let href = || format!("{}{}", console.server.config().console_url(), paths::SIGN_IN_BY_PROVIDER);
        let provider = console.provider.get();
        let provider = provider.map(|provider| ByProvider { name: provider.name(), href: href() });
        Self { link: None, problem: None, has_signed_out: false, provider }
    }

    /// Sets the reason why signing in did not work.
    pub(super) fn problem(self, problem: &'a str) -> Self {
        Self { problem: Some(problem), ..self }
    }
}

/// Shows how to sign in, with a button if a link has led here. Opening a link is not enough to sign in, or a program that opens
/// links beforehand (a chat, a mail scanner) would use it up.
pub(super) async fn show(
    Shared(console): Shared<Arc<Console>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    if !console.server.is_private(arrival.peer) {
        return refused::alone(Error::PlainAdministration);
    }
    let query = match Fields::of_query(&head) {
        Ok(query) => query,
        Err(error) => return refused::alone(error),
    };
    let has_signed_out = query.given("signed-out").is_some();
    html(StatusCode::OK, &SignIn { link: query.given("link"), has_signed_out, ..SignIn::new(&console) })
}

/// Signs in by a link.
pub(super) async fn post(
    Shared(console): Shared<Arc<Console>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Response {
    sign_in(&console, arrival, request).await.unwrap_or_else(Refused::response)
}

async fn sign_in(own: &Console, arrival: Arrival, request: Request) -> Result<Response, Refused> {
    let state = &own.server;
    let (head, body) = request.into_parts();
    if !state.is_private(arrival.peer) {
        return Err(Error::PlainAdministration.into());
    }
    check_origin(&head)?;
    let body = read_body(body, MAX_LINK, state.body_timeout()).await.map_err(Error::from)?;
    let form = Fields::of_body(&head.headers, &Zeroizing::new(body.to_vec()))?;
    let installation = state.installation();
    let (admin, by) = (installation.administration(), whence(arrival, &head));
    match console::sign_in(&admin, form.text("link"), &by).await {
        Ok(signed_in) => {
            let now = installation.store_time();
            let session = Session::new(signed_in, now);
            let mut response = moved(paths::OVERVIEW);
            let cookie = session.set_cookie(admin.unlocked.master_keys(), now);
            response.headers_mut().insert(SET_COOKIE, cookie);
            Ok(response)
        }
        Err(
            error @ (AdminError::UnknownLink
            | AdminError::ExpiredLink
            | AdminError::UsedLink
            | AdminError::SessionEnded),
        ) => {
            own.note_refused(&by, &error.to_string());
            Ok(refused_link(own, &error))
        }
        Err(error) => Err(Error::from(error).into()),
    }
}

fn refused_link(own: &Console, error: &AdminError) -> Response {
    let problem = match error {
        AdminError::ExpiredLink => "This link has expired: it is good for five minutes.",
        AdminError::UsedLink => {
            "This link was used before: it is good once. If that was not you, end all sessions: tollgate console sign-out."
        }
        AdminError::SessionEnded => "All sessions were ended since this link was made.",
        _ => "This is no link of this installation, or it was cut short.",
    };
    let mut response = html(StatusCode::FORBIDDEN, &SignIn::new(own).problem(problem));
    let refusal = Reason { code: Code::Forbidden.as_str(), text: format!("console: {error}") };
    response.extensions_mut().insert(refusal);
    response
}

/// Signs out: the session ends on every server.
pub(super) async fn end(visit: Visit) -> Outcome {
    console::sign_out(&visit.administration(), visit.session().signed_in.id, visit.actor()).await?;
    let mut response = moved("/console/sign-in?signed-out=yes");
    response.headers_mut().insert(SET_COOKIE, no_cookie());
    Ok(response)
}
