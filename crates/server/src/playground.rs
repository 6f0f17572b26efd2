//! The playground: a page where people issue a token, see every step of its life, break it, and see why it is refused.
//!
//! What a visitor does goes through the whole server, the very code that callers meet. Secrets and whole tokens stay
//! here, in the session; the browser holds the session's name and is shown tokens without their signature.
//!
//! Every act is a form. The answer to it is a redirect to the page, so that all of it works without a script.

mod act;
mod calls;
mod claims;
mod curl;
mod kit;
mod page;
mod session;
mod shown;
mod snippets;
mod timeline;
mod visit;

use std::sync::Arc;
use std::time::Duration;

use tollgate_http::edge::read_body;

use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use tollgate_core::ClientId;
use tollgate_guard::ClientAddress;
use zeroize::Zeroizing;

use self::act::{Act, Desk};
use self::calls::{Caller, Calls};
pub use self::kit::{Answering, Kit, KitClient, Wire};
use self::session::{Opened, Sessions};
use self::visit::{Form, Refused, Site};
use crate::error::Error;
use crate::installation::Installation;

/// Where it is.
pub(crate) const PATH: &str = "/playground";

/// No form of the page is longer, in bytes.
const MAX_FORM: usize = 8 * 1024;

/// How often visits that are over are looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// What the playground is wired with, by whoever starts the server.
pub struct Playground {
    /// The client kit, whose behaviour is shown.
    pub kit: Arc<dyn Kit>,
    /// Who visitors on this machine act as. Others, and all where there is none, bring credentials of the test
    /// environment.
    pub demo: Option<Credentials>,
}

/// What a client authenticates with.
#[derive(Clone)]
pub struct Credentials {
    /// Its id.
    pub client_id: ClientId,
    /// Its secret.
    pub client_secret: Zeroizing<String>,
}

/// What all visits share.
struct Room {
    installation: Arc<Installation>,
    calls: Calls,
    playground: Playground,
    sessions: Sessions,
}

/// The one route of the playground, whose calls are made by `calls`.
pub(crate) fn routes(
    installation: Arc<Installation>,
    calls: Calls,
    playground: Playground,
) -> Vec<(&'static str, MethodRouter)> {
    let only = async || Error::MethodNotAllowed { allow: "GET, HEAD, POST" };
    let room = Room { installation, calls, sessions: Sessions::default(), playground };
    vec![(PATH, get(show).post(perform).fallback(only).with_state(Arc::new(room)))]
}

/// Shows the page, in the session that the browser names or in a new one.
async fn show(
    State(room): State<Arc<Room>>,
    Extension(from): Extension<ClientAddress>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let shown = async {
        let site = Site::of(&uri, &headers, &room.installation.config().public_url)?;
        let now = room.installation.now();
        // The demo client is lent to who is at this machine. Others bring credentials.
        let demo = room
            .playground
            .demo
            .clone()
            .filter(|_| from.known().is_some_and(|address| address.is_loopback()));
        let Opened { session, cookie } = room.sessions.open(site.cookie(&headers), demo, now);
        room.sweep();
        let session = session.lock().await;
        let mut response = page::render(&room.installation, &session, now).await?;
        if let Some(id) = cookie {
            response.headers_mut().append(SET_COOKIE, site.set_cookie(&id));
        }
        Ok(response)
    };
    shown.await.unwrap_or_else(page::refuse)
}

/// Does what a form asks for, and leads back to the page.
async fn perform(
    State(room): State<Arc<Room>>,
    Extension(from): Extension<ClientAddress>,
    request: Request,
) -> Response {
    room.perform(from, request).await.unwrap_or_else(page::refuse)
}

impl Room {
    /// Ends the visits that are over even if nobody comes any more, so that what they held is wiped.
    fn sweep(self: &Arc<Self>) {
        if !self.sessions.wants_sweeper() {
            return;
        }
        let room = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(room) = room.upgrade() else { return };
                if !room.sessions.sweep(room.installation.now()) {
                    return;
                }
            }
        });
    }

    async fn perform(&self, from: ClientAddress, request: Request) -> Result<Response, Refused> {
        let installation = &self.installation;
        let (head, body) = request.into_parts();
        let site = Site::of(&head.uri, &head.headers, &installation.config().public_url)?;
        site.refuse_others(&head.headers)?;
        let body = Zeroizing::new(
            read_body(body, MAX_FORM, installation.config().limits.body_timeout).await?.to_vec(),
        );
        let form = Form::read(&head.headers, &body)?;
        let now = installation.now();
        let session = self.sessions.use_again(site.cookie(&head.headers), now).ok_or(Refused::Session)?;
        let mut session = session.lock().await;
        if !session.has_form_token(&form.token) {
            return Err(Refused::Session);
        }
        let act = Act::parse(&form.act).ok_or(Refused::Unclear)?;
        let caller = Caller::at(from, self.calls.clone(), self.installation.clone());
        let desk = Desk { caller, kit: self.playground.kit.clone(), origin: site.origin().to_owned() };
        desk.perform(act, &mut session, &form).await?;
        Ok(back_to_the_page())
    }
}

fn back_to_the_page() -> Response {
    let headers = [
        (LOCATION, HeaderValue::from_static("/playground#result")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}
