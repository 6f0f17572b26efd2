//! Renders the page: a session as HTML.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::header::REFERRER_POLICY;
use http::{HeaderValue, StatusCode};
use tollgate_core::Timestamp;
use tollgate_core::wire::Code;
use tollgate_http::pages::{self, Policy};
use tollgate_http::refusal::Reason;
use tollgate_sandbox::{Error, Host};

use super::claims::Decoded;
use super::inspect::{Inspect, Verdict};
use super::redaction::Outcome;
use super::request_checks::Refused;
use super::session::{Done, Field, Payment, Session, SignInProblem, Tokens};
use super::snippets::{self, Setup, Snippet};
use super::timeline::Timeline;

/// Renders the page of a session.
pub(super) async fn render(
    host: &Host,
    inspect: &dyn Inspect,
    session: &Session,
    now: Timestamp,
) -> Result<Response, Refused> {
    let token = match &session.tokens {
        Some(tokens) => Some(Token::of(host, inspect, tokens, now).await?),
        None => None,
    };
    let client_id = session.credentials.as_ref().map(|credentials| credentials.client_id);
    let page = Page {
        now: now.millis(),
        form_token: &session.form_token,
        client_id: client_id.map(|id| id.to_string()),
        is_demo: session.is_demo,
        token: token.flatten(),
        payment: session.payment.as_ref(),
        sign_in_problem: session.sign_in_problem.as_ref(),
        outcome: session.outcome.as_ref(),
        history: session.history.iter().collect(),
        snippets: snippets::all(&host.settings.public_url, client_id),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Renders why a request is refused, and logs it.
pub(super) fn refuse(refused: Refused) -> Response {
    let (status, title, lead) = match refused {
        Refused::Host => (
            StatusCode::FORBIDDEN,
            "Not under this name",
            "Open the playground by the server's own address: the one in its setting public_url, or an IP address.",
        ),
        Refused::Site => (
            StatusCode::FORBIDDEN,
            "Sent by another site",
            "Nothing was done. Only the playground's own page can do something here.",
        ),
        Refused::Session => (
            StatusCode::FORBIDDEN,
            "Your visit has ended",
            "Nothing was done. A visit ends after half an hour without doing anything, and with the server.",
        ),
        Refused::Unclear => (
            StatusCode::BAD_REQUEST,
            "This page has no such button",
            "Nothing was done. Go back to the playground and choose one.",
        ),
        Refused::Error(error) => return failed(error),
    };
    let mut response = html(status, &Message { title, lead });
    let refusal = Reason { code: Code::Forbidden.as_str(), text: format!("playground: {title}") };
    response.extensions_mut().insert(refusal);
    response
}

fn failed(error: Error) -> Response {
    let lead = error.message();
    // The refusal is counted and logged like any other, and the status is the error's own.
    let refused = error.into_response();
    let mut response = html(refused.status(), &Message { title: "That did not work", lead });
    response.extensions_mut().extend(refused.into_parts().0.extensions);
    response
}

fn html(status: StatusCode, page: &impl Template) -> Response {
    let html = page.render().expect("a template writes into a string, which never fails");
    let mut headers = pages::headers(Policy { scripts: true, ..Policy::default() });
    // Without a policy of its own, a form would be sent without an origin, which tells it from another site's form.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    (status, headers, html).into_response()
}

#[derive(Template)]
#[template(path = "playground.html")]
struct Page<'a> {
    /// The server's time, in milliseconds since 1970.
    now: u64,
    form_token: &'a str,
    client_id: Option<String>,
    is_demo: bool,
    token: Option<Token>,
    payment: Option<&'a Payment>,
    sign_in_problem: Option<&'a SignInProblem>,
    outcome: Option<&'a Outcome>,
    history: Vec<&'a Done>,
    snippets: [Snippet; 7],
}

impl Page<'_> {
    /// Returns the problem with a field of the form for credentials.
    fn problem_at(&self, field: Field) -> Option<&str> {
        self.sign_in_problem?.at(field)
    }

    /// Returns the page of the payment that the outcome is about.
    fn outcome_page(&self) -> Option<&str> {
        self.outcome?.page.as_deref()
    }
}

#[derive(Template)]
#[template(path = "playground-message.html")]
struct Message<'a> {
    title: &'static str,
    lead: &'a str,
}

/// A token of the session, as it is shown.
struct Token {
    access: Decoded,
    timeline: Timeline,
    verdict: Aging,
    refresh_verdict: Aging,
}

/// The verdict on a token, now and when it has expired.
struct Aging {
    now: Verdict,
    /// When the token expires, in milliseconds since 1970, and the verdict from then on.
    later: Option<(u64, Verdict)>,
}

impl Aging {
    async fn of(
        host: &Host,
        inspect: &dyn Inspect,
        token: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        let verdict = inspect.inspect(&host.verifier, token, now).await?;
        let expiry = expires_at.after(host.settings.exp_leeway);
        let later = if verdict.accepted && expiry > now {
            Some((expiry.millis(), inspect.inspect(&host.verifier, token, expiry).await?))
        } else {
            None
        };
        Ok(Self { now: verdict, later })
    }
}

impl Token {
    async fn of(
        host: &Host,
        inspect: &dyn Inspect,
        tokens: &Tokens,
        now: Timestamp,
    ) -> Result<Option<Self>, Refused> {
        let decoded = Decoded::of(&tokens.access).zip(Decoded::of(&tokens.refresh));
        let Some((access, refresh)) = decoded else { return Ok(None) };
        Ok(Some(Self {
            timeline: Timeline::of(&access, &refresh, now),
            verdict: Aging::of(host, inspect, &tokens.access, access.expires_at, now).await?,
            refresh_verdict: Aging::of(host, inspect, &tokens.refresh, refresh.expires_at, now).await?,
            access,
        }))
    }
}
