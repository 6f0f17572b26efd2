//! The actions of a visitor, and their outcomes.

use std::sync::Arc;

use tollgate_core::Timestamp;

use super::calls::{Caller, Exchange};
use super::credentials::Credentials;
use super::curl::Shell;
use super::kit::Kit;
use super::redaction::{Outcome, Shown};
use super::request_checks::{Form, Refused};
use super::session::Session;
use super::watch;

mod payments;
mod tokens;

/// An action, which a button of the page stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    SignIn,
    StartOver,
    Issue,
    Refresh,
    Call,
    CallWithout,
    CallChanged,
    CallExpired,
    CallRevoked,
    CallRefresh,
    Pay,
    Replay,
    Reuse,
    Race,
    WatchKit,
}

/// Each action, the value of its button, and its title.
const BUTTONS: [(Action, &str, &str); 15] = [
    (Action::SignIn, "sign-in", "Use credentials"),
    (Action::StartOver, "start-over", "Start over"),
    (Action::Issue, "issue", "Issue a token"),
    (Action::Refresh, "refresh", "Refresh"),
    (Action::Call, "call", "Call with the token"),
    (Action::CallWithout, "call-without", "Call without a token"),
    (Action::CallChanged, "call-changed", "Call with one character changed"),
    (Action::CallExpired, "call-expired", "Call after expiry"),
    (Action::CallRevoked, "call-revoked", "Revoke the token, then call"),
    (Action::CallRefresh, "call-refresh", "Call with the refresh token"),
    (Action::Pay, "pay", "Create a payment"),
    (Action::Replay, "replay", "Repeat the request"),
    (Action::Reuse, "reuse", "Reuse the key with another body"),
    (Action::Race, "race", "Race two requests with one key"),
    (Action::WatchKit, "kit", "Watch the client kit"),
];

impl Action {
    /// Reads the value of a button: returns its action, the value, and the action's title.
    pub(super) fn parse(value: &str) -> Option<(Self, &'static str, &'static str)> {
        BUTTONS.iter().find(|(_, button, _)| *button == value).copied()
    }

    /// Says whether its outcome is about the session's payment.
    fn is_about_a_payment(self) -> bool {
        matches!(self, Self::Pay | Self::Replay | Self::Race)
    }
}

/// Performs the actions of a session.
pub(super) struct Actions {
    pub(super) caller: Caller,
    pub(super) kit: Arc<dyn Kit>,
    /// The origin of the page in the browser, such as `https://core.example.com`.
    pub(super) origin: String,
}

impl Actions {
    /// Performs the action, and leaves its outcome in the session.
    pub(super) async fn perform(
        &self,
        (action, button, title): (Action, &'static str, &'static str),
        session: &mut Session,
        form: &Form,
    ) -> Result<(), Refused> {
        let (lead, exchanges) = match action {
            Action::StartOver => {
                session.start_over();
                return Ok(());
            }
            Action::SignIn => {
                session.sign_in_problem = self.sign_in(session, form).await?;
                if session.sign_in_problem.is_some() {
                    return Ok(());
                }
                (SIGNED_IN.to_owned(), Vec::new())
            }
            _ => match session.credentials.clone() {
                Some(credentials) => self.perform_as(action, session, &credentials).await?,
                None => ("First say which client you are.".to_owned(), Vec::new()),
            },
        };
        let page = session.payment.as_ref().filter(|_| action.is_about_a_payment());
        let page = page.and_then(|payment| payment.page.clone());
        session.show(Outcome { title, button, lead, exchanges, page }, self.now());
        Ok(())
    }

    /// Performs an action that needs a client.
    async fn perform_as(
        &self,
        action: Action,
        session: &mut Session,
        credentials: &Credentials,
    ) -> Result<Report, Refused> {
        let shell = Shell { base_url: self.base_url(), client_id: credentials.client_id };
        match action {
            Action::Issue => return self.issue(session, credentials, &shell).await,
            Action::WatchKit => return self.watch_kit(credentials).await,
            Action::CallWithout => return self.call_without(&shell).await,
            _ => {}
        }
        let Some(tokens) = &session.tokens else {
            return Ok(("First issue a token.".to_owned(), Vec::new()));
        };
        let (access, refresh) = (tokens.access.clone(), tokens.refresh.clone());
        match action {
            Action::Refresh => self.refresh(session, &refresh, &shell).await,
            Action::CallChanged => self.call_changed(&access, &shell).await,
            Action::CallExpired => self.call_expired(&access, &shell).await,
            Action::CallRevoked => self.call_revoked(&access, credentials, &shell).await,
            Action::CallRefresh => self.call_refresh(&refresh, &shell).await,
            Action::Pay => self.pay(session, &access, &shell).await,
            Action::Replay => self.replay(session, &access, &shell).await,
            Action::Reuse => self.reuse(session, &access, &shell).await,
            Action::Race => self.race(session, &access, &shell).await,
            _ => self.call(&access, &shell).await,
        }
    }

    async fn watch_kit(&self, credentials: &Credentials) -> Result<Report, Refused> {
        let (steps, problem) = watch::watch(&*self.kit, &self.caller, credentials).await?;
        let mut exchanges = Vec::new();
        for (number, step) in (1..).zip(&steps) {
            let shown = Shown::of(self.host(), &step.exchange, None);
            exchanges.push(shown.called(format!("{number}. {}", step.told)));
        }
        let lead = problem.map_or_else(
            || {
                "A program made three calls by the client kit (tollgate-auth-client), and got three good answers. This is all \
                 that passed on the wire meanwhile, as it happened."
                    .to_owned()
            },
            |problem| format!("The client kit gave up: {problem}"),
        );
        Ok((lead, exchanges))
    }

    fn report(&self, lead: &str, exchange: &Exchange, curl: String) -> Report {
        (lead.to_owned(), vec![self.shown(exchange, curl)])
    }

    fn shown(&self, exchange: &Exchange, curl: String) -> Shown {
        Shown::of(self.host(), exchange, Some(curl))
    }

    fn now(&self) -> Timestamp {
        self.caller.host().now()
    }

    fn base_url(&self) -> &str {
        &self.caller.host().settings.public_url
    }

    fn host(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, host)| host)
    }
}

const SIGNED_IN: &str =
    "The client is known, and the secret is its own. It stays on the server, for this visit.";

/// The report of an action: what its outcome means, and the exchanges.
type Report = (String, Vec<Shown>);
