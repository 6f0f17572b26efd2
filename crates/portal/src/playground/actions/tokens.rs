//! The actions that issue, refresh, use and misuse tokens.

use tollgate_core::Environment;
use zeroize::Zeroizing;

use super::{Actions, Report};
use crate::playground::calls;
use crate::playground::claims::Decoded;
use crate::playground::credentials::Credentials;
use crate::playground::curl::Shell;
use crate::playground::request_checks::{Form, Refused};
use crate::playground::session::{Field, Session, SignInProblem, Tokens, is_secret};

impl Actions {
    /// Takes credentials of the test environment, or says what is wrong with them. A client authenticates as it does at
    /// the token endpoint.
    pub(super) async fn sign_in(
        &self,
        session: &mut Session,
        form: &Form,
    ) -> Result<Option<SignInProblem>, Refused> {
        let (id, secret) = (form.client_id.trim(), form.client_secret.trim());
        let problem = |field, message: &str| Ok(Some(SignInProblem::new(id, field, message)));
        let Ok(client_id) = id.parse() else { return problem(Field::ClientId, id_problem(id)) };
        if secret.is_empty() {
            return problem(Field::ClientSecret, "The secret is missing.");
        }
        if secret.starts_with("tg_live_") {
            return problem(Field::ClientSecret, LIVE);
        }
        let exchange = self.caller.send(calls::token(id, secret)).await?;
        let Some(token) = exchange.granted("access_token") else {
            return problem(Field::ClientSecret, &exchange.refusal());
        };
        if Decoded::of(&token).and_then(|token| token.environment()) != Some(Environment::Test) {
            return problem(Field::ClientSecret, LIVE);
        }
        session.start_over();
        let client_secret = Zeroizing::new(secret.to_owned());
        session.credentials = Some(Credentials { client_id, client_secret });
        Ok(None)
    }

    pub(super) async fn issue(
        &self,
        session: &mut Session,
        credentials: &Credentials,
        shell: &Shell<'_>,
    ) -> Result<Report, Refused> {
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
        Ok(self.report(lead, &exchange, shell.token()))
    }

    pub(super) async fn refresh(
        &self,
        session: &mut Session,
        token: &str,
        shell: &Shell<'_>,
    ) -> Result<Report, Refused> {
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
        Ok(self.report(lead, &exchange, shell.refresh()))
    }

    pub(super) async fn call(&self, access: &str, shell: &Shell<'_>) -> Result<Report, Refused> {
        let exchange = self.caller.send(calls::list(Some(access))).await?;
        let lead = if exchange.response.status().is_success() {
            "The guard has verified the token in memory, and let the request through to the Payment API."
        } else {
            "The guard has refused the token. The caller learns a code; the reason below is the operator's to know."
        };
        Ok(self.report(lead, &exchange, shell.list()))
    }

    pub(super) async fn call_without(&self, shell: &Shell<'_>) -> Result<Report, Refused> {
        let exchange = self.caller.send(calls::list(None)).await?;
        let lead = "Without a token the guard asks for one, by the header WWW-Authenticate (RFC 6750).";
        Ok(self.report(lead, &exchange, shell.list_without()))
    }

    pub(super) async fn call_changed(&self, access: &str, shell: &Shell<'_>) -> Result<Report, Refused> {
        let changed = Zeroizing::new(changed(access));
        let exchange = self.caller.send(calls::list(Some(&changed))).await?;
        let lead = "The first character of the signature is another one. The signature no longer fits, and nothing of \
                    the token is even read.";
        Ok(self.report(lead, &exchange, shell.list_changed()))
    }

    pub(super) async fn call_expired(&self, access: &str, shell: &Shell<'_>) -> Result<Report, Refused> {
        let expiry = Decoded::of(access).map_or(self.now(), |token| token.expires_at);
        let expiry = expiry.after(self.caller.host().settings.exp_leeway);
        let life = self.caller.host().settings.access_ttl.as_secs();
        let request = calls::list(Some(access));
        if expiry <= self.now() {
            let exchange = self.caller.send(request).await?;
            return Ok(self.report("The token has expired by now.", &exchange, shell.list_expired(life)));
        }
        let exchange = self.caller.send_at(request, expiry).await?;
        let shown = self.shown(&exchange, shell.list_expired(life)).moved_to(expiry);
        let lead = "Nobody has to wait: the same guard has looked at the token with its clock put forward to the second \
                    of its expiry, for this one request.";
        Ok((lead.to_owned(), vec![shown]))
    }

    pub(super) async fn call_revoked(
        &self,
        access: &str,
        credentials: &Credentials,
        shell: &Shell<'_>,
    ) -> Result<Report, Refused> {
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

    pub(super) async fn call_refresh(&self, refresh: &str, shell: &Shell<'_>) -> Result<Report, Refused> {
        let exchange = self.caller.send(calls::list(Some(refresh))).await?;
        let lead = "A refresh token is no access token: the two are signed with different keys, so that one can never \
                    pass for the other.";
        Ok(self.report(lead, &exchange, shell.list_with_the_refresh_token()))
    }
}

const LIVE: &str = "These are live credentials. The playground takes those of the test environment only, and has kept \
                    nothing.";

/// Returns the problem with a text that is not a client id.
fn id_problem(text: &str) -> &'static str {
    if text.is_empty() {
        "The client id is missing."
    } else if is_secret(text) {
        "This is a secret, and was not kept. It belongs into the field below; here the client id is wanted."
    } else {
        "A client id is a UUID, such as 0b8f6a52-6c1e-4c57-9a51-6f1f5d6f7a10."
    }
}

/// Returns the token with another first character of its signature.
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
