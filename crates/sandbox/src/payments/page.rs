//! The payment page: HTML for the person who was sent to a `redirect_url`. It needs no script and no resources from
//! other sites.

use askama::Template;
use http::{HeaderMap, StatusCode};
use tollgate_core::Timestamp;

use super::decision::{Decision, Status};
use super::redirect_url::RedirectUrl;
use super::stored_payment::StoredPayment;
use tollgate_http::pages::{self, Policy};

/// The content of the page.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Page<'a> {
    /// A payment request that exists.
    Payment(Checkout<'a>),
    /// No payment request has this address.
    NotFound,
    /// The form was sent with a value that the page does not have.
    Unclear,
    /// The decision could not be recorded.
    Unavailable,
}

/// A payment request as the person sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checkout<'a> {
    /// The merchant's name for people.
    pub merchant: &'a str,
    /// The payment that was asked for.
    pub payment: &'a StoredPayment,
    /// The status of the payment request.
    pub status: Status,
    /// When the page stops taking a decision.
    pub expires_at: Timestamp,
    /// The current time.
    pub now: Timestamp,
    /// The decision that the person has just made, if it came too late to have an effect.
    pub too_late: Option<Decision>,
}

/// Returns the URL where the person goes next: the success URL once approved, the fail URL once declined or expired.
pub(crate) fn next(status: Status, payment: &StoredPayment) -> Option<RedirectUrl> {
    match status {
        Status::Pending => None,
        Status::Approved => payment.success_url(),
        Status::Declined | Status::Expired => payment.fail_url(),
    }
}

/// Renders a page with the status and the headers that it is served with.
pub(crate) fn render(page: &Page<'_>) -> (StatusCode, HeaderMap, String) {
    let (status, html) = match page {
        Page::Payment(checkout) => payment(checkout),
        Page::NotFound => (
            StatusCode::NOT_FOUND,
            message(Mark::Question, "Payment not found", "Check the link that brought you here."),
        ),
        Page::Unclear => (
            StatusCode::BAD_REQUEST,
            message(
                Mark::Question,
                "Please decide again",
                "Go back to the payment and approve or decline it.",
            ),
        ),
        Page::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            message(
                Mark::Cross,
                "Please try again",
                "The payment can't be reached right now. Go back in a moment: if your decision was saved, it is shown there.",
            ),
        ),
    };
    let form_origins = match page {
        Page::Payment(Checkout { payment, status: Status::Pending, .. }) => form_origins(payment),
        _ => Vec::new(),
    };
    let headers = pages::headers(Policy { form_origins: &form_origins, ..Policy::default() });
    (status, headers, html.expect("a template writes into a string, which never fails"))
}

fn payment(checkout: &Checkout<'_>) -> (StatusCode, askama::Result<String>) {
    match checkout.status {
        Status::Pending => (StatusCode::OK, Pending::new(checkout).render()),
        Status::Approved => {
            let lead = match checkout.too_late {
                None => "You approved this payment.",
                Some(_) => {
                    "It had been approved before, so it was not declined now. Ask the merchant for your money back."
                }
            };
            (StatusCode::OK, settled(checkout, Mark::Check, "Payment approved", lead))
        }
        Status::Declined => {
            let lead = match checkout.too_late {
                None => "You declined this payment.",
                Some(_) => {
                    "It had been declined before, so it was not approved now: nothing is paid. Order again to pay."
                }
            };
            (StatusCode::OK, settled(checkout, Mark::Cross, "Payment declined", lead))
        }
        Status::Expired => {
            let lead = match checkout.too_late {
                None => "Nobody decided about it in time, and nothing is paid. Order again to pay.",
                Some(Decision::Approve) => {
                    "Your approval came too late: nothing is paid. Order again to pay."
                }
                Some(Decision::Decline) => "Your decision came too late, but nothing is paid.",
            };
            (StatusCode::GONE, settled(checkout, Mark::Clock, "Payment expired", lead))
        }
    }
}

/// Returns how long a decision can still be made, in whole minutes: `14 more minutes`.
fn remaining(until: Timestamp, now: Timestamp) -> String {
    match until.millis().saturating_sub(now.millis()) / 60_000 {
        0 => "less than a minute".to_owned(),
        1 => "1 more minute".to_owned(),
        minutes => format!("{minutes} more minutes"),
    }
}

/// Returns the origins that the answer to the form may send the browser to: browsers apply `form-action` to that redirect as well.
fn form_origins(payment: &StoredPayment) -> Vec<String> {
    let urls = [payment.success_url(), payment.fail_url()];
    let mut origins: Vec<_> = urls.iter().flatten().map(RedirectUrl::csp_source).collect();
    origins.dedup();
    origins
}

#[derive(Template)]
#[template(path = "pending.html")]
struct Pending<'a> {
    lang: &'a str,
    merchant: &'a str,
    monogram: String,
    minor_units: u32,
    currency_code: &'static str,
    currency_name: &'a str,
    amount: String,
    customer: &'a str,
    reference: Option<&'a str>,
    order_id: Option<&'a str>,
    expires_at: String,
    remaining: String,
    next_host: Option<String>,
}

impl<'a> Pending<'a> {
    fn new(checkout: &Checkout<'a>) -> Self {
        let payment = checkout.payment;
        Self {
            lang: lang(&payment.locale),
            merchant: checkout.merchant,
            monogram: monogram(checkout.merchant),
            minor_units: payment.amount.minor_units(),
            currency_code: payment.currency.code(),
            currency_name: payment.currency.name(),
            amount: payment.amount.in_major_units(payment.currency, &payment.locale),
            customer: &payment.customer.name,
            reference: payment.payment_reference.as_deref(),
            order_id: payment.order_id.as_deref(),
            expires_at: checkout.expires_at.rfc3339_millis(),
            remaining: remaining(checkout.expires_at, checkout.now),
            next_host: payment.success_url().map(|url| url.host().to_owned()),
        }
    }
}

#[derive(Template)]
#[template(path = "settled.html")]
struct Settled<'a> {
    lang: &'a str,
    mark: Mark,
    title: &'a str,
    lead: &'a str,
    merchant: &'a str,
    minor_units: u32,
    currency_code: &'static str,
    amount: String,
    customer: &'a str,
    reference: Option<&'a str>,
    order_id: Option<&'a str>,
    next: Option<(String, String)>,
}

fn settled(checkout: &Checkout<'_>, mark: Mark, title: &str, lead: &str) -> askama::Result<String> {
    let payment = checkout.payment;
    let page = Settled {
        lang: lang(&payment.locale),
        mark,
        title,
        lead,
        merchant: checkout.merchant,
        minor_units: payment.amount.minor_units(),
        currency_code: payment.currency.code(),
        amount: payment.amount.in_major_units(payment.currency, &payment.locale),
        customer: &payment.customer.name,
        reference: payment.payment_reference.as_deref(),
        order_id: payment.order_id.as_deref(),
        next: next(checkout.status, payment).map(|url| (url.as_str().to_owned(), url.host().to_owned())),
    };
    page.render()
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    lang: &'a str,
    mark: Mark,
    title: &'a str,
    lead: &'a str,
}

fn message(mark: Mark, title: &str, lead: &str) -> askama::Result<String> {
    Message { lang: "en", mark, title, lead }.render()
}

/// The sign above a title. It has no meaning beyond the title's.
#[derive(Clone, Copy)]
enum Mark {
    Check,
    Cross,
    Clock,
    Question,
}

impl Mark {
    fn class(self) -> &'static str {
        match self {
            Self::Check => "good",
            Self::Cross => "bad",
            Self::Clock | Self::Question => "calm",
        }
    }

    /// Returns the sign's outline in a square of 48 units.
    fn path(self) -> &'static str {
        match self {
            Self::Check => "M15 24.5l6.5 6.5L33.5 18",
            Self::Cross => "M17 17l14 14M31 17L17 31",
            Self::Clock => "M24 13v11l7 5",
            Self::Question => "M18.5 19a5.5 5.5 0 1 1 8 5c-1.8.9-2.5 2-2.5 4M24 34v.01",
        }
    }
}

/// Returns the language of the page, whose words are English: the payment's locale if that is a kind of English.
fn lang(tag: &str) -> &str {
    if tag == "en" || tag.starts_with("en-") { tag } else { "en" }
}

/// Returns the first letter of a name, as a capital.
fn monogram(name: &str) -> String {
    let first = name.chars().find(|letter| letter.is_alphanumeric());
    first.map_or_else(|| "·".to_owned(), |letter| letter.to_uppercase().collect())
}

#[cfg(test)]
mod tests;
