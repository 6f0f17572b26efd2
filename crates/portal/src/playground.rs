//! The playground: a page where people issue a token, see every step of its lifetime, break it, and see why it is refused.
//!
//! A visitor's calls go through the whole server, the same code that serves other callers. Secrets and whole tokens stay
//! here, in the session; the browser has only the session's name and is shown tokens without their signature.
//!
//! Every action is a form, which is answered by a redirect to the page, so that all of it works without a script.

mod actions;
mod calls;
mod claims;
mod credentials;
mod curl;
mod inspect;
mod kit;
mod page;
mod redaction;
mod request_checks;
mod session;
mod snippets;
mod timeline;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use tollgate_guard::ClientAddress;
use tollgate_http::read_body;
use tollgate_sandbox::{Error, Host};
use zeroize::Zeroizing;

use self::actions::{Action, Actions};
use self::calls::Caller;
pub use self::calls::Calls;
pub use self::credentials::Credentials;
pub use self::inspect::{Inspect, Inspecting, Verdict};
pub use self::kit::{Answering, Kit, KitClient, Wire};
pub(crate) use self::request_checks::PATH;
use self::request_checks::{Form, Refused, Site};
use self::session::{Field, Opened, Sessions};

/// The longest form of the page, in bytes.
const MAX_FORM: usize = 8 * 1024;

/// How often expired sessions are removed.
const SWEEP: Duration = Duration::from_secs(60);

/// The parts that the playground uses, from the program that starts the server.
pub struct Playground {
    /// The client kit, whose behaviour the playground shows.
    pub kit: Arc<dyn Kit>,
    /// The credentials of visitors on this machine. Other visitors, and all if there are none, bring credentials of the test
    /// environment.
    pub demo: Option<Credentials>,
    /// The inspection of the visitors' tokens.
    pub inspect: Arc<dyn Inspect>,
    /// The service that visitors' calls go to: the whole server.
    pub calls: Calls,
}

impl Playground {
    /// Returns the demo client, for visitors on this machine only. Others bring credentials.
    fn demo_for(&self, from: ClientAddress) -> Option<Credentials> {
        self.demo.clone().filter(|_| from.known().is_some_and(|address| address.is_loopback()))
    }
}

/// The state that all sessions share.
struct PlaygroundState {
    host: Arc<Host>,
    playground: Playground,
    sessions: Sessions,
}

/// Returns the only route of the playground.
pub(crate) fn routes(host: Arc<Host>, playground: Playground) -> Vec<(&'static str, MethodRouter)> {
    let only = async || Error::MethodNotAllowed { allow: "GET, HEAD, POST" };
    let state = PlaygroundState { host, sessions: Sessions::default(), playground };
    vec![(PATH, get(show).post(perform).fallback(only).with_state(Arc::new(state)))]
}

/// Shows the page, in the session that the browser names or in a new one.
async fn show(
    State(state): State<Arc<PlaygroundState>>,
    Extension(from): Extension<ClientAddress>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let shown = async {
        let site = Site::of(&uri, &headers, &state.host.settings.public_url)?;
        let now = state.host.now();
        let demo = state.playground.demo_for(from);
        let Opened { session, cookie } = state.sessions.open(site.cookie(&headers), demo, now);
        state.sweep();
        let session = session.lock().await;
        let mut response = page::render(&state.host, &*state.playground.inspect, &session, now).await?;
        if let Some(id) = cookie {
            response.headers_mut().append(SET_COOKIE, site.set_cookie(&id));
        }
        Ok(response)
    };
    shown.await.unwrap_or_else(page::refuse)
}

/// Carries out the action of a form, and redirects to the page.
async fn perform(
    State(state): State<Arc<PlaygroundState>>,
    Extension(from): Extension<ClientAddress>,
    request: Request,
) -> Response {
    state.perform(from, request).await.unwrap_or_else(page::refuse)
}

impl PlaygroundState {
    /// Removes expired sessions even if nobody visits any more, so that their secrets are wiped.
    fn sweep(self: &Arc<Self>) {
        if !self.sessions.wants_sweeper() {
            return;
        }
        let state = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(state) = state.upgrade() else { return };
                if !state.sessions.sweep(state.host.now()) {
                    return;
                }
            }
        });
    }

    async fn perform(&self, from: ClientAddress, request: Request) -> Result<Response, Refused> {
        let host = &self.host;
        let (head, body) = request.into_parts();
        let site = Site::of(&head.uri, &head.headers, &host.settings.public_url)?;
        site.refuse_others(&head.headers)?;
        let body = Zeroizing::new(read_body(body, MAX_FORM, host.settings.body_timeout).await?.to_vec());
        let form = Form::read(&head.headers, &body)?;
        let now = host.now();
        let session = self.sessions.use_again(site.cookie(&head.headers), now).ok_or(Refused::Session)?;
        let mut session = session.lock().await;
        if !session.has_form_token(&form.token) {
            return Err(Refused::Session);
        }
        let action = Action::parse(&form.act).ok_or(Refused::Unclear)?;
        let caller = Caller::at(
            from,
            self.playground.calls.clone(),
            self.playground.inspect.clone(),
            self.host.clone(),
        );
        let actions = Actions { caller, kit: self.playground.kit.clone(), origin: site.origin().to_owned() };
        actions.perform(action, &mut session, &form).await?;
        let field = session.sign_in_problem.as_ref().map(|problem| problem.field);
        Ok(back_to_the_page(field))
    }
}

/// Redirects the visitor to the result of the action, or to the field that is wrong.
fn back_to_the_page(field: Option<Field>) -> Response {
    let place = match field {
        None => "/playground#result",
        Some(Field::ClientId) => "/playground#client_id",
        Some(Field::ClientSecret) => "/playground#client_secret",
    };
    let headers =
        [(LOCATION, HeaderValue::from_static(place)), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::SEE_OTHER, headers).into_response()
}
