//! The actions that create and repeat payments, and that send several requests with one key at once.

use http::StatusCode;
use rand::RngExt as _;
use serde_json::json;

use super::{Actions, Report};
use crate::playground::calls;
use crate::playground::curl::Shell;
use crate::playground::request_checks::{PATH, Refused};
use crate::playground::session::{Payment, Session};

impl Actions {
    pub(super) async fn pay(
        &self,
        session: &mut Session,
        access: &str,
        shell: &Shell<'_>,
    ) -> Result<Report, Refused> {
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
        Ok(self.report(lead, &exchange, curl))
    }

    pub(super) async fn replay(
        &self,
        session: &Session,
        access: &str,
        shell: &Shell<'_>,
    ) -> Result<Report, Refused> {
        let Some(payment) = &session.payment else { return Ok(no_payment()) };
        let exchange = self.caller.send(calls::create(access, &payment.key, &payment.body)).await?;
        let lead = if exchange.response.headers().contains_key("idempotent-replayed") {
            "The same key with the same request: the stored answer once more, byte for byte, with Idempotent-Replayed. \
             There is still one payment."
        } else {
            NO_REPLAY
        };
        Ok(self.report(lead, &exchange, shell.create(&payment.key, &payment.body)))
    }

    pub(super) async fn reuse(
        &self,
        session: &Session,
        access: &str,
        shell: &Shell<'_>,
    ) -> Result<Report, Refused> {
        let Some(payment) = &session.payment else { return Ok(no_payment()) };
        let other = payment.body.replacen("\"amount\":1250", "\"amount\":9900", 1);
        let exchange = self.caller.send(calls::create(access, &payment.key, &other)).await?;
        let lead =
            "The same key with another amount: that is a mistake of the caller, and nothing was created.";
        Ok(self.report(lead, &exchange, shell.create(&payment.key, &other)))
    }

    pub(super) async fn race(
        &self,
        session: &mut Session,
        access: &str,
        shell: &Shell<'_>,
    ) -> Result<Report, Refused> {
        let payment = self.new_payment(session);
        let request = || self.caller.send(calls::create(access, &payment.key, &payment.body));
        let (one, other) = tokio::join!(request(), request());
        let (one, other) = (one?, other?);
        let page = [&one, &other].iter().find_map(|exchange| exchange.granted("redirect_url"));
        let statuses = [one.response.status(), other.response.status()];
        let lead = if !statuses.contains(&StatusCode::CREATED) {
            "Neither created a payment."
        } else if statuses.contains(&StatusCode::CONFLICT) {
            "Two at the same time: one created the payment, the other was told that it is in progress, and when to \
             ask again."
        } else {
            "Two at the same time: one created the payment, the other arrived when it was done, and got the same answer."
        };
        let curl = shell.create(&payment.key, &payment.body);
        session.payment = Some(Payment { page: page.and_then(|url| page_of(&url)), ..payment });
        let exchanges =
            vec![self.shown(&one, curl.clone()).called("One"), self.shown(&other, curl).called("The other")];
        Ok((lead.to_owned(), exchanges))
    }

    /// Makes a payment with a key of its own, whose page leads back here.
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
}

const NO_REPLAY: &str = "The request was refused before its key was looked at.";

fn no_payment() -> Report {
    ("First create a payment.".to_owned(), Vec::new())
}

/// Returns the path of a payment page: it is on this server, whatever name the browser has for the server.
fn page_of(redirect_url: &str) -> Option<String> {
    redirect_url.rfind("/pay/").map(|at| redirect_url[at..].to_owned())
}
