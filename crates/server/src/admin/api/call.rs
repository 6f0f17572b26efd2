//! A call of an act of administration: who makes it, whether they may, and what it says.

use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, FromRequestParts as _, RawPathParams, Request, State as Shared};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::IF_MATCH;
use http::request::Parts;
use http::{HeaderMap, Method};
use tokio::time::Instant;
use tollgate_core::{Actor, ActorKind};
use tollgate_guard::{Denial, Principal, Requirement};
use tollgate_http::edge::read_body;
use tollgate_http::fields::{self, FromFields};
use tollgate_http::{Media, Problem};
use tollgate_store::Version;

use super::listing::Query;
use super::values::{Reason, etags};
use crate::admin::{Act, Administration, Authority};
use crate::error::Error;
use crate::oauth::request::{MAX_BODY, check_sender};
use crate::state::{Arrival, State};

/// A call that its caller may make.
pub(super) struct Call {
    state: Arc<State>,
    operator: Principal,
    actor: Actor,
    head: Parts,
    ids: Vec<(String, String)>,
    body: Bytes,
}

/// What a handler returns.
pub(super) type Outcome = Result<Response, Error>;

/// The future of a handler.
type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Makes a handler of a function that is called only for those who may do the act.
pub(super) fn endpoint<F, A>(
    act: Act,
    handle: F,
) -> impl Fn(Shared<Arc<State>>, Extension<Arrival>, Request) -> Answering + Clone + Send + Sync + 'static
where
    F: Fn(Call) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Outcome> + Send + 'static,
{
    move |Shared(state), Extension(arrival), request| {
        let handle = handle.clone();
        Box::pin(async move {
            let call = match Call::admit(act, &state, arrival, request).await {
                Ok(call) => call,
                Err(refused) => return refused.response(&state),
            };
            let by = call.operator.client_id();
            let mut response = done(&state, handle(call)).await;
            response.extensions_mut().insert(by);
            response
        })
    }
}

/// Does an act to its end, even if the caller hangs up: half of it would hold an idempotency key until its lease ends. What
/// it has changed counts here from the next request on, as it will everywhere within a second.
async fn done(state: &State, act: impl Future<Output = Outcome> + Send + 'static) -> Response {
    let outcome = tokio::spawn(act).await;
    match outcome.unwrap_or_else(|_| Err(Error::Internal("an act of administration panicked".to_owned()))) {
        Ok(response) => {
            if let Err(error) = state.installation().catch_up().await {
                tracing::warn!(%error, "what was changed counts here once the store can be read again");
            }
            response
        }
        Err(error) => error.into_response(),
    }
}

impl Call {
    /// Admits a call of an operator's client whose token has the scope that the act needs. A merchant's client may do nothing
    /// here, whatever its scope says.
    async fn admit(
        act: Act,
        state: &Arc<State>,
        arrival: Arrival,
        request: Request,
    ) -> Result<Self, Refused> {
        let (mut head, body) = request.into_parts();
        check_sender(&head.headers)?;
        if !state.is_private(arrival.peer) {
            return Err(Error::PlainAdministration.into());
        }
        let verifier = state.installation().verifier();
        let operator =
            verifier.decide(&head.headers, Some(arrival.from), &Requirement::new(), arrival.now)?;
        if operator.merchant_id().is_some() {
            return Err(Error::NotAnOperator.into());
        }
        if !act.is_allowed_by(operator.scope()) {
            let needed = act.role().scope().parse().expect("a role's scope is one");
            return Err(Denial::InsufficientScope(needed).into());
        }
        let allowed = state.limiters().administration.take(operator.client_id(), Instant::now());
        allowed.map_err(|retry_after| Error::TooManyActs { retry_after })?;
        let ids = ids(&mut head).await;
        let reason = if head.method == Method::GET || head.method == Method::HEAD {
            None
        } else {
            Query::of(&head).reason()?
        };
        let actor = actor(&operator, arrival, reason);
        let body = read_body(body, MAX_BODY, state.body_timeout()).await.map_err(Error::from)?;
        Ok(Self { state: state.clone(), operator, actor, head, ids, body })
    }

    /// What the act works on, by the operator's right.
    pub(super) fn administration(&self) -> Administration<'_> {
        let by = Some((self.operator.client_id(), self.operator.secret_id()));
        let authority = Authority::Operator { scope: self.operator.scope(), by };
        Administration { authority, ..self.state.installation().administration() }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn operator(&self) -> &Principal {
        &self.operator
    }

    /// Who does it.
    pub(super) fn actor(&self) -> &Actor {
        &self.actor
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    pub(super) fn path(&self) -> &str {
        self.head.uri.path()
    }

    /// The parameters of a list.
    pub(super) fn query(&self) -> Query {
        Query::of(&self.head)
    }

    /// An id in the path. What is no id names nothing that exists.
    pub(super) fn id<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        let found = self.ids.iter().find(|(known, _)| known == name);
        found.and_then(|(_, text)| text.parse().ok()).ok_or(Error::NoSuchThing)
    }

    /// The body, which must be JSON.
    pub(super) fn body(&self) -> Result<&[u8], Error> {
        if Media::of(&self.head.headers) != Some(Media::Json) {
            return Err(Error::MediaType { expected: JSON_ONLY });
        }
        Ok(&self.body)
    }

    /// Reads the body as an object of this type.
    pub(super) fn read<T: FromFields>(&self) -> Result<T, Error> {
        Ok(fields::read(self.body()?)?)
    }

    /// The version that something must have for it to be changed (RFC 9110 §13.1.1), if the caller says which of those that
    /// it has read. `found` is the one that it has now.
    pub(super) fn only(&self, found: Version) -> Result<Option<Version>, Error> {
        match etags(&self.head.headers)? {
            None => Ok(None),
            Some(known) if known.is_met_by(found) => Ok(Some(found)),
            Some(_) => Err(Error::Admin(crate::admin::AdminError::Changed)),
        }
    }

    /// Refuses a condition where none is looked at.
    pub(super) fn refuse_condition(&self) -> Result<(), Error> {
        if self.head.headers.contains_key(IF_MATCH) {
            return Err(Problem::new("If-Match", "is taken by PATCH and DELETE only").into());
        }
        Ok(())
    }
}

/// What callers are told that send another type.
const JSON_ONLY: &str = "Send the body as Content-Type: application/json, in UTF-8.";

/// Reads the ids in the path. What is not UTF-8 is none.
async fn ids(head: &mut Parts) -> Vec<(String, String)> {
    let found = RawPathParams::from_request_parts(head, &()).await;
    let pairs =
        |found: &RawPathParams| found.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    found.as_ref().map(pairs).unwrap_or_default()
}

fn actor(operator: &Principal, arrival: Arrival, reason: Option<Reason>) -> Actor {
    Actor {
        from: arrival.from.known().map(|address| address.to_string()),
        why: reason.map(String::from),
        ..Actor::new(ActorKind::OperatorClient(operator.client_id()))
    }
}

/// Why a call is not made.
enum Refused {
    Denied(Denial),
    Error(Error),
}

impl Refused {
    fn response(self, state: &State) -> Response {
        match self {
            Self::Denied(denial) => {
                let response = denial.response::<Bytes>(state.installation().verifier().realm());
                response.map(Body::from)
            }
            Self::Error(error) => error.into_response(),
        }
    }
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}
