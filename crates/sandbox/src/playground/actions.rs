//! What a visitor can do, and what comes of it.

use std::sync::Arc;

use http::StatusCode;
use rand::RngExt as _;
use serde_json::json;
use tollgate_core::{Environment, Timestamp};
use zeroize::Zeroizing;

use super::calls::{self, Caller, Exchange};
use super::claims::Decoded;
use super::credentials::Credentials;
use super::curl::Shell;
use super::kit::Kit;
use super::redaction::{Outcome, Shown};
use super::request_checks::{Form, PATH, Refused};
use super::session::{Payment, Session, Tokens};
use super::watch;

/// Something that a visitor can do.
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

impl Action {
    /// Reads the value of the button.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "sign-in" => Self::SignIn,
            "start-over" => Self::StartOver,
            "issue" => Self::Issue,
            "refresh" => Self::Refresh,
            "call" => Self::Call,
            "call-without" => Self::CallWithout,
            "call-changed" => Self::CallChanged,
            "call-expired" => Self::CallExpired,
            "call-revoked" => Self::CallRevoked,
            "call-refresh" => Self::CallRefresh,
            "pay" => Self::Pay,
            "replay" => Self::Replay,
            "reuse" => Self::Reuse,
            "race" => Self::Race,
            "kit" => Self::WatchKit,
            _ => return None,
        })
    }

    fn title(self) -> &'static str {
        match self {
            Self::SignIn => "Use credentials",
            Self::StartOver => "Start over",
            Self::Issue => "Issue a token",
            Self::Refresh => "Refresh",
            Self::Call => "Call with the token",
            Self::CallWithout => "Call without a token",
            Self::CallChanged => "Call with one character changed",
            Self::CallExpired => "Call after expiry",
            Self::CallRevoked => "Revoke the token, then call",
            Self::CallRefresh => "Call with the refresh token",
            Self::Pay => "Create a payment",
            Self::Replay => "Repeat the request",
            Self::Reuse => "Reuse the key with another body",
            Self::Race => "Race two requests with one key",
            Self::WatchKit => "Watch the client kit",
        }
    }
}

/// Does what visitors ask for.
pub(super) struct Actions {
    pub(super) caller: Caller,
    pub(super) kit: Arc<dyn Kit>,
    /// Where the browser is, as in `https://core.example.com`.
    pub(super) origin: String,
}

impl Actions {
    /// Does it, and leaves in the session what came of it.
    pub(super) async fn perform(
        &self,
        action: Action,
        session: &mut Session,
        form: &Form,
    ) -> Result<(), Refused> {
        let (lead, exchanges) = match action {
            Action::StartOver => {
                session.start_over();
                return Ok(());
            }
            Action::SignIn => self.sign_in(session, form).await?,
            _ => match session.credentials.clone() {
                Some(credentials) => self.act(action, session, &credentials).await?,
                None => ("First say which client you are.".to_owned(), Vec::new()),
            },
        };
        session.show(Outcome { title: action.title(), lead, exchanges }, self.now());
        Ok(())
    }

    async fn act(
        &self,
        action: Action,
        session: &mut Session,
        credentials: &Credentials,
    ) -> Result<Came, Refused> {
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

    /// Takes credentials of the test environment. A client proves itself as it does at the token endpoint.
    async fn sign_in(&self, session: &mut Session, form: &Form) -> Result<Came, Refused> {
        let said = |lead: &str| Ok((lead.to_owned(), Vec::new()));
        if form.client_secret.trim().starts_with("tg_live_") {
            return said(LIVE);
        }
        let (id, secret) = (form.client_id.trim(), form.client_secret.trim());
        let exchange = self.caller.send(calls::token(id, secret)).await?;
        let Some(token) = exchange.granted("access_token") else { return said(&exchange.refusal()) };
        let environment = Decoded::of(&token).and_then(|token| token.environment());
        match (environment, id.parse()) {
            (Some(Environment::Test), Ok(client_id)) => {
                session.start_over();
                let client_secret = Zeroizing::new(secret.to_owned());
                session.credentials = Some(Credentials { client_id, client_secret });
                said(
                    "The client is known, and the secret is its own. It stays on the server, for this visit.",
                )
            }
            _ => said(LIVE),
        }
    }

    async fn issue(
        &self,
        session: &mut Session,
        credentials: &Credentials,
        shell: &Shell<'_>,
    ) -> Result<Came, Refused> {
        let exchange = self
            .caller
            .send(calls::token(&credentials.client_id.to_string(), &credentials.client_secret))
            .await?;
        let issued = exchange.granted("access_token").zip(exchange.granted("refresh_token"));
        let lead = if issued.is_some() {
            "The client has proved itself with its secret, and got two tokens. Nothing was stored: both are signed, and \
             carry all that the guard has to know."
        } else {
            "The authority issued no token."
        };
        if let Some((access, refresh)) = issued {
            session.tokens = Some(Tokens { access, refresh });
        }
        Ok(self.came(lead, &exchange, shell.token()))
    }

    async fn refresh(&self, session: &mut Session, token: &str, shell: &Shell<'_>) -> Result<Came, Refused> {
        let exchange = self.caller.send(calls::refresh(token)).await?;
        let granted = exchange.granted("access_token");
        let lead = if granted.is_some() {
            "Another access token, without the secret. The refresh token stays the same until it ends."
        } else {
            "The refresh token is refused: a caller goes back to its secret now. Issue a token to do so."
        };
        if let (Some(access), Some(tokens)) = (granted, session.tokens.as_mut()) {
            tokens.access = access;
        }
        Ok(self.came(lead, &exchange, shell.refresh()))
    }

    async fn call(&self, access: &str, shell: &Shell<'_>) -> Result<Came, Refused> {
        let exchange = self.caller.send(calls::list(Some(access))).await?;
        let lead = if exchange.response.status().is_success() {
            "The guard has verified the token in memory, and let the request through to the Payment API."
        } else {
            "The guard has refused the token. The caller learns a code; the reason below is the operator's to know."
        };
        Ok(self.came(lead, &exchange, shell.list()))
    }

    async fn call_without(&self, shell: &Shell<'_>) -> Result<Came, Refused> {
        let exchange = self.caller.send(calls::list(None)).await?;
        let lead = "Without a token the guard asks for one, by the header WWW-Authenticate (RFC 6750).";
        Ok(self.came(lead, &exchange, shell.list_without()))
    }

    async fn call_changed(&self, access: &str, shell: &Shell<'_>) -> Result<Came, Refused> {
        let changed = Zeroizing::new(changed(access));
        let exchange = self.caller.send(calls::list(Some(&changed))).await?;
        let lead = "The first character of the signature is another one. The signature no longer fits, and nothing of \
                    the token is even read.";
        Ok(self.came(lead, &exchange, shell.list_changed()))
    }

    async fn call_expired(&self, access: &str, shell: &Shell<'_>) -> Result<Came, Refused> {
        let expiry = Decoded::of(access).map_or(self.now(), |token| token.expires_at);
        let expiry = expiry.after(self.caller.host().settings().exp_leeway);
        let life = self.caller.host().settings().access_ttl.as_secs();
        let request = calls::list(Some(access));
        if expiry <= self.now() {
            let exchange = self.caller.send(request).await?;
            return Ok(self.came("The token has expired by now.", &exchange, shell.list_expired(life)));
        }
        let exchange = self.caller.send_at(request, expiry).await?;
        let shown = self.shown(&exchange, shell.list_expired(life)).moved_to(expiry);
        let lead = "Nobody has to wait: the same guard has looked at the token with its clock put forward to the second \
                    of its expiry, for this one request.";
        Ok((lead.to_owned(), vec![shown]))
    }

    async fn call_revoked(
        &self,
        access: &str,
        credentials: &Credentials,
        shell: &Shell<'_>,
    ) -> Result<Came, Refused> {
        let revoked = self.caller.send(calls::revoke(credentials, access)).await?;
        let called = self.caller.send(calls::list(Some(access))).await?;
        let lead = "A client can end a token of its own before its time (RFC 7009). The guard knows at once. The refresh \
                    token is another token, and still good.";
        let exchanges = vec![
            self.shown(&revoked, shell.revoke()).called("The client revokes the token"),
            self.shown(&called, shell.list_revoked()).called("A call with it, right after"),
        ];
        Ok((lead.to_owned(), exchanges))
    }

    async fn call_refresh(&self, refresh: &str, shell: &Shell<'_>) -> Result<Came, Refused> {
        let exchange = self.caller.send(calls::list(Some(refresh))).await?;
        let lead = "A refresh token is no access token: the two are signed with different keys, so that one can never \
                    pass for the other.";
        Ok(self.came(lead, &exchange, shell.list_with_the_refresh_token()))
    }

    async fn pay(&self, session: &mut Session, access: &str, shell: &Shell<'_>) -> Result<Came, Refused> {
        let payment = self.new_payment(session);
        let exchange = self.caller.send(calls::create(access, &payment.key, &payment.body)).await?;
        let page = exchange.granted("redirect_url").and_then(|url| page_of(&url));
        let lead = match &page {
            Some(_) => {
                "The payment was created, and its answer is kept with the key for 24 hours. Open its page to \
                        approve or decline it."
            }
            None => "No payment was created.",
        };
        let curl = shell.create(&payment.key, &payment.body);
        session.payment = Some(Payment { page, ..payment });
        Ok(self.came(lead, &exchange, curl))
    }

    async fn replay(&self, session: &Session, access: &str, shell: &Shell<'_>) -> Result<Came, Refused> {
        let Some(payment) = &session.payment else { return Ok(no_payment()) };
        let exchange = self.caller.send(calls::create(access, &payment.key, &payment.body)).await?;
        let lead = if exchange.response.headers().contains_key("idempotent-replayed") {
            "The same key with the same request: the stored answer once more, byte for byte, with Idempotent-Replayed. \
             There is still one payment."
        } else {
            NO_REPLAY
        };
        Ok(self.came(lead, &exchange, shell.create(&payment.key, &payment.body)))
    }

    async fn reuse(&self, session: &Session, access: &str, shell: &Shell<'_>) -> Result<Came, Refused> {
        let Some(payment) = &session.payment else { return Ok(no_payment()) };
        let other = payment.body.replacen("\"amount\":1250", "\"amount\":9900", 1);
        let exchange = self.caller.send(calls::create(access, &payment.key, &other)).await?;
        let lead =
            "The same key with another amount: that is a mistake of the caller, and nothing was created.";
        Ok(self.came(lead, &exchange, shell.create(&payment.key, &other)))
    }

    async fn race(&self, session: &mut Session, access: &str, shell: &Shell<'_>) -> Result<Came, Refused> {
        let payment = self.new_payment(session);
        let request = || self.caller.send(calls::create(access, &payment.key, &payment.body));
        let (one, other) = tokio::join!(request(), request());
        let (one, other) = (one?, other?);
        let page = [&one, &other].iter().find_map(|exchange| exchange.granted("redirect_url"));
        let statuses = [one.response.status(), other.response.status()];
        let lead = if !statuses.contains(&StatusCode::CREATED) {
            "Neither created a payment."
        } else if statuses.contains(&StatusCode::CONFLICT) {
            "Two at the same moment: one created the payment, the other was told that it is in progress, and when to \
             ask again."
        } else {
            "Two at the same moment: one created the payment, the other came when it was done, and got the same answer."
        };
        let curl = shell.create(&payment.key, &payment.body);
        session.payment = Some(Payment { page: page.and_then(|url| page_of(&url)), ..payment });
        let exchanges =
            vec![self.shown(&one, curl.clone()).called("One"), self.shown(&other, curl).called("The other")];
        Ok((lead.to_owned(), exchanges))
    }

    async fn watch_kit(&self, credentials: &Credentials) -> Result<Came, Refused> {
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

    fn came(&self, lead: &str, exchange: &Exchange, curl: String) -> Came {
        (lead.to_owned(), vec![self.shown(exchange, curl)])
    }

    fn shown(&self, exchange: &Exchange, curl: String) -> Shown {
        Shown::of(self.host(), exchange, Some(curl))
    }

    /// A payment with a key of its own, whose page leads back here.
    fn new_payment(&self, session: &mut Session) -> Payment {
        session.payments += 1;
        let reference = format!("PLAY{:04}", session.payments % 10_000);
        let key = format!("playground-{:016x}", rand::rng().random::<u64>());
        let back = format!("{}{PATH}", self.origin);
        let body = json!({
            "amount": 1250,
            "currency": "EUR",
            "locale": "en-GB",
            "payment_reference": reference,
            "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
            "billing_address": {
                "address_line1": "12 St James Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB",
            },
            "success_url_redirect": back,
            "fail_url_redirect": back,
        });
        Payment { key, body: body.to_string(), page: None }
    }

    fn now(&self) -> Timestamp {
        self.caller.host().now()
    }

    fn base_url(&self) -> &str {
        &self.caller.host().settings().public_url
    }

    fn host(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, host)| host)
    }
}

const LIVE: &str = "These are live credentials. The playground takes those of the test environment only, and has kept \
                    nothing.";

/// The outcome of an action: what it means, and the exchanges.
type Came = (String, Vec<Shown>);

const NO_REPLAY: &str = "The request was refused before its key was looked at.";

fn no_payment() -> Came {
    ("First create a payment.".to_owned(), Vec::new())
}

/// The path of a payment page: it is below this server, under whatever name the browser has for it.
fn page_of(redirect_url: &str) -> Option<String> {
    redirect_url.rfind("/pay/").map(|at| redirect_url[at..].to_owned())
}

/// The token with another first character of its signature.
fn changed(token: &str) -> String {
    let at = token.rfind('.').map_or(0, |dot| dot + 1);
    let other = if token[at..].starts_with('A') { "B" } else { "A" };
    format!("{}{other}{}", &token[..at], token.get(at + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_token_differs_in_one_character() {
        for (token, other) in [("a.b.Cd", "a.b.Ad"), ("a.b.Ad", "a.b.Bd")] {
            assert_eq!(changed(token), other);
        }
    }
}
