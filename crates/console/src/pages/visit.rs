//! A visit to a page of the console: who makes it, whether they may, and what they ask for.

use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Extension, FromRequestParts as _, RawPathParams, Request, State as Shared};
use axum::response::Response;
use http::Method;
use http::header::SET_COOKIE;
use http::request::Parts;
use tollgate_admin::console::{self, console_user};
use tollgate_admin::{Administration, Authority, Operation, Reason, audit};
use tollgate_http::{Problem, RequestId, read_body};
use tollgate_server::error::Error;
use tollgate_server::{Arrival, State};
use tollgate_store::{Actor, ActorKind, Object};
use tollgate_telemetry::InContext;
use zeroize::Zeroizing;

use super::form::{Fields, MAX_FORM, check_origin};
use super::frame::Frame;
use super::refused::{self, Refused};
use super::session::Session;
use super::shared::Console;
use crate::figures::Interval;

/// A visit by a user who has signed in and may do the operation.
pub(super) struct Visit {
    own: Arc<Console>,
    session: Session,
    actor: Actor,
    head: Parts,
    ids: Vec<(String, String)>,
    form: Fields,
}

/// The name in the audit trail of somebody who has not signed in.
const NOBODY: &str = "(not signed in)";

/// The result of a page.
pub(super) type Outcome = Result<Response, Error>;

/// The future of a page, and the function that makes it. There are many pages: the code that calls them is compiled once, for all.
type Showing = Pin<Box<dyn Future<Output = Outcome> + Send>>;
type Page = Arc<dyn Fn(Visit) -> Showing + Send + Sync>;

/// The future of an answer to a request.
type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Makes a handler from a page that is shown only to users who may do the operation, or to all who have signed in.
pub(super) fn page<F, A>(
    operation: Option<Operation>,
    handle: F,
) -> impl Fn(Shared<Arc<Console>>, Extension<Arrival>, Request) -> Answering + Clone + Send + Sync + 'static
where
    F: Fn(Visit) -> A + Send + Sync + 'static,
    A: Future<Output = Outcome> + Send + 'static,
{
    admitted(operation, Arc::new(move |visit| Box::pin(handle(visit))))
}

fn admitted(
    operation: Option<Operation>,
    page: Page,
) -> impl Fn(Shared<Arc<Console>>, Extension<Arrival>, Request) -> Answering + Clone + Send + Sync + 'static {
    move |Shared(own), Extension(arrival), request| {
        let page = page.clone();
        Box::pin(async move {
            let visit = match Visit::admit(operation, &own, arrival, request).await {
                Ok(visit) => visit,
                Err(refused) => return refused.response(),
            };
            let installation = own.server.installation();
            let keys = installation.administration().unlocked.master_keys();
            let cookie = visit.session.renewed(keys, installation.store_time());
            let mut response = answered(&own.server, visit, &page).await;
            if let Some(cookie) = cookie.filter(|_| !response.headers().contains_key(SET_COOKIE)) {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            response
        })
    }
}

/// Answers a visit. An act is carried out to its end, even if the browser hangs up, and takes effect here with the next request.
async fn answered(state: &State, visit: Visit, page: &Page) -> Response {
    let (frame, changes) = (visit.frame(), visit.head.method == Method::POST);
    let outcome = tokio::spawn(InContext::inherited(page(visit))).await;
    let failed = || Err(Error::Internal("a page of the console panicked".to_owned()));
    match outcome.unwrap_or_else(|_| failed()) {
        Ok(response) => {
            if changes && let Err(error) = state.installation().catch_up().await {
                tracing::warn!(%error, "what was changed counts here once the store can be read again");
            }
            response
        }
        Err(error) => refused::failed(&frame, error),
    }
}

impl Visit {
    /// Admits a user whose session is open, whose form is the console's own, and who may do the operation. A refusal
    /// is recorded in the audit trail.
    async fn admit(
        operation: Option<Operation>,
        own: &Arc<Console>,
        arrival: Arrival,
        request: Request,
    ) -> Result<Self, Refused> {
        let (mut head, body) = request.into_parts();
        let state = &own.server;
        if !state.is_private(arrival.peer) {
            return Err(Error::PlainAdministration.into());
        }
        let session = signed_in(state, &head).await?;
        let allowed = state.count_act(session.signed_in.id);
        allowed.map_err(|retry_after| Error::TooManyActs { retry_after })?;
        let mut form = Fields::default();
        let mut actor = console_user(&session.signed_in.user, &whence(arrival, &head));
        if head.method == Method::POST {
            check_origin(&head)?;
            let body = read_body(body, MAX_FORM, state.body_timeout()).await.map_err(Error::from)?;
            form = Fields::of_body(&head.headers, &Zeroizing::new(body.to_vec()))?;
            if !session.has_form_token(form.text("form_token")) {
                return Err(Refused::Form);
            }
            actor.why = reason(&form)?;
        }
        let ids = ids(&mut head).await;
        let visit = Self { own: own.clone(), session, actor, head, ids, form };
        match operation.filter(|operation| !visit.may(*operation)) {
            Some(operation) => Err(visit.refuse(operation).await?),
            None => Ok(visit),
        }
    }

    /// Records that the user may not do an operation.
    async fn refuse(&self, operation: Operation) -> Result<Refused, Error> {
        /// The longest path that is recorded; paths with valid ids are shorter.
        const LONGEST: usize = 200;
        let path = self.head.uri.path();
        let route = if path.len() <= LONGEST { path } else { "/console" };
        let why = format!("it needs the role {}", operation.role().name());
        let (admin, route) = (self.administration(), Object::Route(route.to_owned()));
        audit::refused(&admin, operation.name(), route, &why, &self.actor).await?;
        Ok(Refused::Role(Box::new(self.frame()), operation.role()))
    }

    /// Says whether the user may do an operation.
    pub(super) fn may(&self, operation: Operation) -> bool {
        operation.is_allowed_by(&self.session.signed_in.scope)
    }

    /// Returns the frame around the page.
    pub(super) fn frame(&self) -> Frame {
        Frame::of(&self.session, self.head.uri.path())
    }

    /// Returns the argument for the acts of administration, with the user's rights.
    pub(super) fn administration(&self) -> Administration<'_> {
        let authority = Authority::Operator { scope: &self.session.signed_in.scope, by: None };
        Administration { authority, ..self.own.server.installation().administration() }
    }

    pub(super) fn state(&self) -> &State {
        &self.own.server
    }

    /// Returns the counts of the last hour.
    pub(super) fn figures(&self) -> Vec<Interval> {
        self.own.figures.intervals()
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Returns the actor for the audit trail.
    pub(super) fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Returns the fields of the form.
    pub(super) fn form(&self) -> &Fields {
        &self.form
    }

    /// Returns the parameters of the page.
    pub(super) fn query(&self) -> Result<Fields, Error> {
        Fields::of_query(&self.head)
    }

    /// Returns the path of the page.
    pub(super) fn path(&self) -> &str {
        self.head.uri.path()
    }

    /// Reads an id in the path. A text that is not an id names nothing that exists.
    pub(super) fn id<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        let found = self.ids.iter().find(|(known, _)| known == name);
        found.and_then(|(_, text)| text.parse().ok()).ok_or(Error::NoSuchThing)
    }
}

/// Returns the session of the user who has signed in, if it is open.
async fn signed_in(state: &State, head: &Parts) -> Result<Session, Refused> {
    let installation = state.installation();
    let admin = installation.administration();
    let found =
        Session::of(&head.headers, admin.unlocked.master_keys(), admin.config, installation.store_time());
    let session = found.ok_or_else(|| Refused::SignedOut(head.method.clone()))?;
    match console::check(&admin, &session.signed_in).await {
        Err(tollgate_admin::AdminError::SessionEnded) => Err(Refused::SignedOut(head.method.clone())),
        checked => checked.map(|()| session).map_err(|error| Error::from(error).into()),
    }
}

/// Returns an actor with the address and the id of the request.
pub(super) fn whence(arrival: Arrival, head: &Parts) -> Actor {
    Actor {
        from: arrival.from.known().map(|address| address.to_string()),
        request_id: head.extensions.get::<RequestId>().map(|id| id.as_str().to_owned()),
        ..Actor::new(ActorKind::Console(NOBODY.to_owned()))
    }
}

/// Reads the ids in the path. Texts that are not UTF-8 are no ids.
async fn ids(head: &mut Parts) -> Vec<(String, String)> {
    let found = RawPathParams::from_request_parts(head, &()).await;
    let pairs =
        |found: &RawPathParams| found.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    found.as_ref().map(pairs).unwrap_or_default()
}

/// Returns the reason that a form gives.
fn reason(form: &Fields) -> Result<Option<String>, Error> {
    let reason = form.given("reason").map(str::parse::<Reason>).transpose();
    let reason = reason.map_err(|error| Problem::new("reason", error.to_string()))?;
    Ok(reason.map(String::from))
}
