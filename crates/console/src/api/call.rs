//! A call of an act of administration: who makes it, whether they may, and its content.

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
use tollgate_admin::{Administration, Authority, Operation, audit};
use tollgate_guard::{Denial, Principal, Requirement};
use tollgate_http::fields::{self, Fields, FromFields};
use tollgate_http::{Media, Problem, RequestId, read_body};
use tollgate_server::error::Error;
use tollgate_server::{Arrival, MAX_BODY, State, check_sender, is_at};
use tollgate_store::{Actor, ActorKind, Object, Version};
use tollgate_telemetry::InContext;

use super::listing::Query;
use super::paths;
use super::values::versions;

/// A call that its caller may make.
pub(super) struct Call {
    state: Arc<State>,
    operator: Principal,
    actor: Actor,
    head: Parts,
    ids: Vec<(String, String)>,
    body: Bytes,
}

/// The result of a handler.
pub(super) type Outcome = Result<Response, Error>;

/// The future of a handler, and the function that makes it. There are many handlers: the code that calls them is compiled once, for all.
type Acting = Pin<Box<dyn Future<Output = Outcome> + Send>>;
type Act = Arc<dyn Fn(Call) -> Acting + Send + Sync>;

/// The future of an answer to a request.
type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Makes a handler from a function that is called only for callers who may do the operation.
pub(super) fn endpoint<F, A>(
    operation: Operation,
    handle: F,
) -> impl Fn(Shared<Arc<State>>, Extension<Arrival>, Request) -> Answering + Clone + Send + Sync + 'static
where
    F: Fn(Call) -> A + Send + Sync + 'static,
    A: Future<Output = Outcome> + Send + 'static,
{
    admitted(operation, Arc::new(move |call| Box::pin(handle(call))))
}

fn admitted(
    operation: Operation,
    act: Act,
) -> impl Fn(Shared<Arc<State>>, Extension<Arrival>, Request) -> Answering + Clone + Send + Sync + 'static {
    move |Shared(state), Extension(arrival), request| {
        let act = act.clone();
        Box::pin(async move {
            let call = match Call::admit(operation, &state, arrival, request).await {
                Ok(call) => call,
                Err(refused) => return refused.response(&state),
            };
            let by = call.operator.client_id();
            let mut response = done(&state, act(call)).await;
            response.extensions_mut().insert(by);
            response
        })
    }
}

/// Carries out an act to its end, even if the caller hangs up: half of it would hold an idempotency key until its lease ends. Its
/// changes take effect on this server with the next request, as they will everywhere within a second.
async fn done(state: &State, act: Acting) -> Response {
    let outcome = tokio::spawn(InContext::inherited(act)).await;
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
    /// Admits a call of an operator's client whose token has the scope that the operation needs. A merchant's client may do
    /// nothing here, whatever its scope says. A refusal is recorded in the audit trail.
    async fn admit(
        operation: Operation,
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
        let allowed = state.count_act(operator.client_id());
        allowed.map_err(|retry_after| Error::TooManyActs { retry_after })?;
        let mut actor = actor(&operator, arrival, &head);
        if let Some(refused) = refusal(&operator, operation) {
            record_refusal(state, operation, &head, &refused, &actor).await?;
            return Err(refused);
        }
        let ids = ids(&mut head).await;
        if head.method != Method::GET && head.method != Method::HEAD {
            actor.why = Query::of(&head).reason()?.map(String::from);
        }
        let body = read_body(body, MAX_BODY, state.body_timeout()).await.map_err(Error::from)?;
        Ok(Self { state: state.clone(), operator, actor, head, ids, body })
    }

    /// Returns the argument for the acts of administration, with the operator's rights.
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

    /// Returns the actor for the audit trail, with the reason for the act.
    pub(super) fn actor(&self) -> &Actor {
        &self.actor
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    pub(super) fn path(&self) -> &str {
        self.head.uri.path()
    }

    /// Returns the parameters of a list.
    pub(super) fn query(&self) -> Query {
        Query::of(&self.head)
    }

    /// Reads an id in the path. A text that is not an id names nothing that exists.
    pub(super) fn id<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        let found = self.ids.iter().find(|(known, _)| known == name);
        found.and_then(|(_, text)| text.parse().ok()).ok_or(Error::NoSuchThing)
    }

    /// Returns the body, which must be JSON.
    pub(super) fn body(&self) -> Result<&[u8], Error> {
        let expected = Media::Json.asked_for();
        Media::Json.require(&self.head.headers).map_err(|why| Error::MediaType { why, expected })?;
        Ok(&self.body)
    }

    /// Reads the body as an object of this type.
    pub(super) fn read<T: FromFields>(&self) -> Result<T, Error> {
        Ok(fields::read(self.body()?)?)
    }

    /// Refuses a body that isn't empty, for an act that takes none.
    pub(super) fn refuse_body(&self) -> Result<(), Error> {
        if self.body.is_empty() { Ok(()) } else { self.read().map(|Nothing| ()) }
    }

    /// Returns the versions that an object may have to be changed (RFC 9110 §13.1.1), if the caller says which it has read.
    pub(super) fn only(&self) -> Result<Option<Vec<Version>>, Error> {
        Ok(versions(&self.head.headers)?)
    }

    /// Refuses a condition on the version, for an act that ignores it.
    pub(super) fn refuse_condition(&self) -> Result<(), Error> {
        if self.head.headers.contains_key(IF_MATCH) {
            return Err(Problem::new("If-Match", "is taken by PATCH and DELETE only").into());
        }
        Ok(())
    }
}

/// A JSON object without members.
struct Nothing;

impl FromFields for Nothing {
    fn from_fields(_: &mut Fields<'_>) -> Option<Self> {
        Some(Self)
    }
}

/// Reads the ids in the path. Texts that are not UTF-8 are no ids.
async fn ids(head: &mut Parts) -> Vec<(String, String)> {
    let found = RawPathParams::from_request_parts(head, &()).await;
    let pairs =
        |found: &RawPathParams| found.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    found.as_ref().map(pairs).unwrap_or_default()
}

/// Returns the actor of a call, as yet without a reason.
fn actor(caller: &Principal, arrival: Arrival, head: &Parts) -> Actor {
    let id = caller.client_id();
    let kind =
        if caller.merchant_id().is_some() { ActorKind::Client(id) } else { ActorKind::OperatorClient(id) };
    Actor {
        from: arrival.from.known().map(|address| address.to_string()),
        request_id: head.extensions.get::<RequestId>().map(|id| id.as_str().to_owned()),
        ..Actor::new(kind)
    }
}

/// Returns why a caller may not do an operation, whatever its object.
fn refusal(caller: &Principal, operation: Operation) -> Option<Refused> {
    if caller.merchant_id().is_some() {
        return Some(Error::NotAnOperator.into());
    }
    let needed = || operation.role().scope().parse().expect("a role's scope is one");
    (!operation.is_allowed_by(caller.scope())).then(|| Denial::InsufficientScope(needed()).into())
}

/// Records that a caller may not do an operation.
async fn record_refusal(
    state: &State,
    operation: Operation,
    head: &Parts,
    refused: &Refused,
    actor: &Actor,
) -> Result<(), Error> {
    /// The longest path that is recorded; paths with valid ids are shorter.
    const LONGEST: usize = 200;
    let path = head.uri.path();
    let template = paths::ALL.into_iter().find(|template| is_at(template, path)).unwrap_or(paths::ABOVE);
    let route = Object::Route(if path.len() <= LONGEST { path } else { template }.to_owned());
    let admin = state.installation().administration();
    Ok(audit::refused(&admin, operation.name(), route, &refused.to_string(), actor).await?)
}

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0}")]
    Denied(Denial),
    #[error("{0}")]
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
