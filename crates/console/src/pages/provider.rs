//! Signing in by an OpenID provider: the way there, and back.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Request, State as Shared};
use axum::response::Response;
use http::header::{REFERRER_POLICY, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use tollgate_admin::console::{self, Named, SignedIn};
use tollgate_admin::{AdminError, Administration};
use tollgate_core::Timestamp;
use tollgate_core::wire::Code;
use tollgate_http::refusal::Reason;
use tollgate_server::Arrival;
use tollgate_server::error::Error;
use tollgate_store::{Actor, StoreError};

use super::form::Fields;
use super::page::{html, moved};
use super::provider_cookie::{Begun, no_cookie};
use super::refused::{self, Refused};
use super::session::Session;
use super::shared::Console;
use super::sign_in::SignIn;
use super::visit::whence;
use crate::oidc::{Callback, Fault, Identity, Problem, Provider};

/// Sends a user to the provider.
pub(super) async fn begin(
    Shared(console): Shared<Arc<Console>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    match SigningIn::new(&console, arrival, &head) {
        Ok(signing_in) => signing_in.begin().await.unwrap_or_else(|failure| signing_in.refused(failure)),
        Err(refused) => refused.response(),
    }
}

/// Receives a user whom the provider has sent back.
pub(super) async fn end(
    Shared(console): Shared<Arc<Console>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let signing_in = match SigningIn::new(&console, arrival, &head) {
        Ok(signing_in) => signing_in,
        Err(refused) => return refused.response(),
    };
    let mut response = signing_in.end(&head).await.unwrap_or_else(|failure| signing_in.refused(failure));
    // The cookie can be used once, whatever the outcome; and the address of this page, which contains the code, is told to nobody.
    response.headers_mut().append(SET_COOKIE, no_cookie());
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Why a user is not signed in.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// This browser has not begun a sign-in.
    #[error("the sign-in was not begun in this browser, or under another master key")]
    NotBegun,
    /// The provider did not sign the user in, or it is unknown whether it did.
    #[error(transparent)]
    Provider(#[from] Problem),
    /// None of the groups has a role.
    #[error("no group of the user has a role")]
    NoRole,
    /// The sign-in has expired, or was used before.
    #[error("{}", over(.0))]
    Over(AdminError),
    /// The error has nothing to do with the user.
    #[error("{}", .0.message())]
    Error(Error),
}

/// Returns the message for a sign-in by the provider that can't be used, from the error about a link: in the trail, both can be used
/// once.
fn over(error: &AdminError) -> String {
    match error {
        AdminError::ExpiredLink => "this sign-in took longer than ten minutes".to_owned(),
        AdminError::UsedLink => "this sign-in was completed before".to_owned(),
        error => error.to_string(),
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::ExpiredLink | AdminError::UsedLink | AdminError::SessionEnded => Self::Over(error),
            error => Self::Error(error.into()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Error(Error::Store(error))
    }
}

impl Failure {
    /// Says whether operators should look at it: the provider can't be reached, or its answer can't be trusted.
    fn is_for_operators(&self) -> bool {
        matches!(self, Self::Provider(problem) if matches!(problem.fault(), Fault::Provider | Fault::Answer))
    }

    fn code(&self) -> Code {
        match self {
            Self::Provider(problem) if problem.fault() == Fault::Provider => Code::Unavailable,
            _ => Code::Forbidden,
        }
    }

    /// Returns what the user can do about it.
    fn told(&self) -> &'static str {
        match self {
            Self::NotBegun | Self::Over(AdminError::ExpiredLink) => {
                "This sign-in was not begun in this browser, or more than ten minutes ago: begin again."
            }
            Self::Over(AdminError::SessionEnded) => {
                "All sessions were ended since this sign-in was begun: begin again."
            }
            Self::Over(_) => "This sign-in was completed before: begin again.",
            Self::NoRole => {
                "The provider knows you, but none of your groups has a role here. It stands in the audit trail that you tried. \
                 Whoever administers Tollgate can give a group roles (console.oidc.roles)."
            }
            Self::Provider(problem) => match problem.fault() {
                Fault::Browser => {
                    "What the provider answered belongs to another sign-in, or was used before: begin again."
                }
                Fault::User => {
                    "The provider did not sign you in: you cancelled, or may not use this console."
                }
                Fault::Answer => "What the provider answered was not accepted. The server’s log says why.",
                Fault::Provider => {
                    "The provider could not be asked, or not in the way that is configured. The server’s log says why. \
                     Meanwhile a link signs you in."
                }
            },
            Self::Error(_) => "That did not work.",
        }
    }
}

/// A sign-in by the provider.
struct SigningIn<'a> {
    own: &'a Console,
    provider: &'a Provider,
    admin: Administration<'a>,
    by: Actor,
}

impl<'a> SigningIn<'a> {
    fn new(own: &'a Console, arrival: Arrival, head: &Parts) -> Result<Self, Refused> {
        if !own.server.is_private(arrival.peer) {
            return Err(Error::PlainAdministration.into());
        }
        let provider = own.provider.get().ok_or(Error::NotFound)?;
        let admin = own.server.installation().administration();
        Ok(Self { own, provider, admin, by: whence(arrival, head) })
    }

    async fn begin(&self) -> Result<Response, Failure> {
        let behind = self.admin.store.trail().await?.newest.seq;
        let begun = Begun::new(behind, self.now().await?);
        let mut response = moved(&self.provider.authorization_url(&begun.drawn()).await?);
        let cookie = begun.set_cookie(self.admin.unlocked.master_keys());
        response.headers_mut().insert(SET_COOKIE, cookie);
        Ok(response)
    }

    async fn end(&self, head: &Parts) -> Result<Response, Failure> {
        let query = Fields::of_query(head).map_err(Failure::Error)?;
        let begun = Begun::of(&head.headers, self.admin.unlocked.master_keys()).ok_or(Failure::NotBegun)?;
        let now = self.now().await?;
        if now >= begun.until() {
            return Err(AdminError::ExpiredLink.into());
        }
        let callback = Callback {
            state: query.text("state"),
            code: query.given("code"),
            error: query.given("error"),
            issuer: query.given("iss"),
        };
        let identity = self.provider.identify(&begun.drawn(), &callback, now).await?;
        Ok(self.let_in(self.admit(&begun, identity).await?))
    }

    /// Begins the session of a user whom the provider has authenticated, if their groups give them a role.
    async fn admit(&self, begun: &Begun, identity: Identity) -> Result<SignedIn, Failure> {
        let Identity { user, subject, roles } = identity;
        let (id, behind, until) = (begun.id, begun.behind, begun.until());
        let named =
            Named { id, behind, until, user, roles, issuer: self.provider.issuer().to_owned(), subject };
        if named.roles.is_empty() {
            console::refuse_named(&self.admin, &named, &self.by).await?;
            return Err(Failure::NoRole);
        }
        Ok(console::sign_in_named(&self.admin, named, &self.by).await?)
    }

    /// Answers with the session's cookie and a page that leads on. A redirect would not do: for the browser, it is the provider that
    /// leads here, and a request that another site leads to is sent without the cookie of a session.
    fn let_in(&self, signed_in: SignedIn) -> Response {
        let now = self.own.server.installation().store_time();
        let mut response = html(StatusCode::OK, &LetIn { user: &signed_in.user });
        let cookie = Session::new(signed_in, now).set_cookie(self.admin.unlocked.master_keys(), now);
        response.headers_mut().insert(SET_COOKIE, cookie);
        response
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.admin.now().await
    }

    /// Tells the user what they can do about it, and operators what the problem is, in the log and the trail. Anybody can try,
    /// so the number of records is limited.
    fn refused(&self, failure: Failure) -> Response {
        let failure = match failure {
            Failure::Error(error) => return refused::alone(error),
            failure => failure,
        };
        if !matches!(failure, Failure::NoRole) {
            self.own.note_refused(&self.by, &failure.to_string());
        }
        if failure.is_for_operators() {
            tracing::warn!(reason = %failure, "somebody could not be signed in to the console by the provider");
        }
        let code = failure.code();
        let status =
            if code == Code::Unavailable { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::FORBIDDEN };
        let mut response = html(status, &SignIn::new(self.own).problem(failure.told()));
        let reason = Reason { code: code.as_str(), text: format!("console: {failure}") };
        response.extensions_mut().insert(reason);
        response
    }
}

/// The page that leads on from the provider to the console.
#[derive(Template)]
#[template(path = "console/signed-in.html")]
struct LetIn<'a> {
    user: &'a str,
}
