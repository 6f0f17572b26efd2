//! The sandbox Payment API and its page.

use serde_json::{Value, json};
use tollgate_core::{Environment, Timestamp};
use tollgate_guard::Realm;
use tollgate_http::Problem;

use super::authority::success;
use super::operation::{Access, Answer, Operation, always, content, schema};
use super::pattern::ascii;
use super::refusals::{Refusal, of_a_body, of_a_write, of_the_guard, of_the_store};
use super::{PAGE, PAYMENTS, Surface};
use crate::body::JSON_ONLY;
use crate::error::Error;
use crate::idempotency::{HEADER, IdempotencyKey, REPLAYED};
use crate::payments::body::NewPayment;
use crate::payments::decision::{Decision, Status};
use crate::payments::schema::{cursor, limit, uuid};
use crate::payments::view::PaymentView;

/// What examples name, and no installation has.
const ID: &str = "0b6c1f0e-93a5-4b6e-8d57-0c9d4d1e2f3a";
const MERCHANT_ID: &str = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";

pub(super) fn operations(surface: &Surface<'_>) -> Vec<Operation> {
    vec![create(surface), list(surface), show(surface), page(), decide()]
}

fn create(surface: &Surface<'_>) -> Operation {
    let problems = NewPayment::read(br#"{"amount":0}"#).expect_err("most of it is missing");
    let refusals = [
        Error::Invalid(problems),
        Error::MerchantNotFound,
        Error::InProgress,
        Error::KeyReused,
        Error::IdempotencyStore(tollgate_store::StoreError::Unavailable(String::new())),
        of_a_write(),
    ];
    let created = json!({
        "type": "object",
        "properties": {"redirect_url": {"type": "string", "format": "uri", "description": "Send the person there."}},
        "required": ["redirect_url"],
        "additionalProperties": false,
        "examples": [{"redirect_url": redirect_url(surface)}],
    });
    let replayed = json!({
        "required": false,
        "description": "This is the answer that the first request with this key had, byte for byte.",
        "schema": {"type": "string", "const": "true"},
    });
    Operation {
        path: "/api/v1/payment-requests:redirect",
        method: "post",
        id: "createPaymentRequest",
        tag: PAYMENTS,
        summary: "Create a payment request",
        description: format!(
            "Send the person who pays to the `redirect_url`. With `{HEADER}` it may be repeated without harm: a repeat of the \
             same request gets the first one's answer for 24 hours, with `{REPLAYED}: true`. Every problem of a body is named at \
             once, nested fields dotted."
        ),
        access: Access::Bearer("payments:write"),
        parameters: vec![idempotency_key()],
        body: Some(content("application/json", schema("NewPaymentRequest"), Some(example()))),
        answers: vec![Answer {
            status: 201,
            description: "It was created, now or by an earlier request with this key.",
            headers: vec![("Cache-Control", always("no-store")), (REPLAYED, replayed)],
            content: Some(success(created)),
        }],
        refusals: guarded(surface, "payments:write", refusals.into_iter().chain(of_a_body(JSON_ONLY))),
    }
}

fn list(surface: &Surface<'_>) -> Operation {
    let query = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "query", "description": description, "schema": schema});
    let page = json!({
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": schema("PaymentRequest")},
            "next_cursor": {
                "type": ["string", "null"],
                "pattern": cursor()["pattern"],
                "description": "Where the next page begins; `null` on the last.",
            },
        },
        "required": ["items", "next_cursor"],
        "additionalProperties": false,
        "examples": [{"items": [shown(surface)], "next_cursor": null}],
    });
    Operation {
        path: "/api/v1/payment-requests",
        method: "get",
        id: "listPaymentRequests",
        tag: PAYMENTS,
        summary: "List payment requests, newest first",
        description: "The merchant's own. An unknown parameter is refused, because whoever mistypes `cursor` would read the \
                      first page for ever."
            .to_owned(),
        access: Access::Bearer("payments:read"),
        parameters: vec![
            query("limit", "How many at most.", limit()),
            query("cursor", "The `next_cursor` of the page before.", cursor()),
            query("merchant_id", "Whose: an operator's token must say.", uuid()),
        ],
        body: None,
        answers: vec![answered("A page of them.", page)],
        refusals: guarded(
            surface,
            "payments:read",
            [Error::Invalid(Problem::new("limit", "must be an integer from 1 to 100").into()), Error::MerchantNotFound],
        ),
    }
}

fn show(surface: &Surface<'_>) -> Operation {
    let mut one = schema("PaymentRequest");
    one["examples"] = json!([shown(surface)]);
    Operation {
        path: "/api/v1/payment-requests/{id}",
        method: "get",
        id: "showPaymentRequest",
        tag: PAYMENTS,
        summary: "Show a payment request",
        description:
            "One of the merchant's own. Another merchant's can't be told from one that does not exist."
                .to_owned(),
        access: Access::Bearer("payments:read"),
        parameters: vec![id()],
        body: None,
        answers: vec![answered("The payment request.", one)],
        refusals: guarded(surface, "payments:read", [Error::PaymentRequestNotFound]),
    }
}

fn page() -> Operation {
    Operation {
        path: "/pay/{id}",
        method: "get",
        id: "showPaymentPage",
        tag: PAGE,
        summary: "Show the page where a person decides",
        description: "The unguessable id is the only credential. Whoever does not accept `text/html` gets errors in the \
                      envelope."
            .to_owned(),
        access: Access::Open,
        parameters: vec![id()],
        body: None,
        answers: vec![
            html(200, "The page."),
            html(404, "A page that says so."),
            html(410, "A page that says so."),
            html(503, "A page that says so."),
        ],
        refusals: open([Error::PaymentRequestNotFound, Error::PageExpired]),
    }
}

fn decide() -> Operation {
    let decision = json!({
        "type": "object",
        "properties": {"decision": {"type": "string", "enum": ["approve", "decline"]}},
        "required": ["decision"],
    });
    let location = json!({"required": true, "schema": {"type": "string", "format": "uri-reference"}});
    Operation {
        path: "/pay/{id}",
        method: "post",
        id: "decidePayment",
        tag: PAGE,
        summary: "Approve or decline",
        description: "What the buttons of the page send. The same decision again leads to the same place; the other one \
                      changes nothing."
            .to_owned(),
        access: Access::Open,
        parameters: vec![id()],
        body: Some(content("application/x-www-form-urlencoded", decision, Some(json!({"decision": "approve"})))),
        answers: vec![
            Answer {
                status: 303,
                description: "To `success_url_redirect` or `fail_url_redirect`, or back to the page where there is none.",
                headers: vec![("Cache-Control", always("no-store")), ("Location", location)],
                content: None,
            },
            html(400, "A page that says so."),
            html(404, "A page that says so."),
            html(408, "A page that says so."),
            html(409, "The page, with what was decided."),
            html(410, "A page that says so."),
            html(413, "A page that says so."),
            html(503, "A page that says so."),
        ],
        refusals: open([
            Error::Invalid(Decision::read(b"").expect_err("nothing was decided").into()),
            Error::BrokenBody,
            Error::Timeout,
            Error::TooLarge,
            Error::PaymentRequestNotFound,
            Error::Decided,
            Error::PageExpired,
            of_a_write(),
        ]),
    }
}

fn guarded(
    surface: &Surface<'_>,
    scope: &'static str,
    errors: impl IntoIterator<Item = Error>,
) -> Vec<Refusal> {
    let mut refusals = of_the_guard(&Realm::of(surface.audience), scope);
    refusals.extend(open(errors));
    refusals
}

fn open(errors: impl IntoIterator<Item = Error>) -> Vec<Refusal> {
    errors.into_iter().chain(of_the_store()).map(Refusal::envelope).collect()
}

/// A key between quotes is the same key, and only there may a comma be in it. A header's value begins and ends with other
/// than a space.
pub(super) fn idempotency_key() -> Value {
    let max = IdempotencyKey::MAX;
    let any = ascii(|byte| matches!(byte, b' '..=b'~') && byte != b',');
    let dark = ascii(|byte| matches!(byte, b'!'..=b'~') && byte != b',');
    let first = ascii(|byte| matches!(byte, b'!'..=b'~') && byte != b',' && byte != b'"');
    let quoted = ascii(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
    let inner = format!("{any}{{0,{}}}", max - 2);
    json!({
        "name": HEADER,
        "in": "header",
        "description": format!(
            "What makes a repeat harmless: 1 to {max} printable ASCII characters, new for each payment. `\"k\"` and `k` are the \
             same key; a comma may only be in the quoted form. It counts for one merchant, whichever token it comes with."
        ),
        "schema": {
            "type": "string",
            "pattern": format!("^(?:{first}(?:{inner}{dark})?|\"(?:{quoted}|\\\\[\"\\\\]){{1,{max}}}\")$"),
        },
        "example": "order-1042",
    })
}

fn id() -> Value {
    json!({
        "name": "id",
        "in": "path",
        "required": true,
        "description": "The payment request.",
        "schema": uuid(),
        "example": ID,
    })
}

fn answered(description: &'static str, data: Value) -> Answer {
    let headers = vec![("Cache-Control", always("no-store"))];
    Answer { status: 200, description, headers, content: Some(success(data)) }
}

fn html(status: u16, description: &'static str) -> Answer {
    let content = content("text/html", json!({"type": "string"}), None);
    let headers = vec![("Cache-Control", always("no-store"))];
    Answer { status, description, headers, content: Some(content) }
}

fn redirect_url(surface: &Surface<'_>) -> String {
    format!("{}/pay/{ID}", surface.public_url)
}

/// A request that is taken as it stands.
fn example() -> Value {
    json!({
        "amount": 1250,
        "currency": "EUR",
        "locale": "en-GB",
        "payment_reference": "ORDER1042",
        "customer": {"name": "Ada Lovelace", "email": "ada@example.com", "phone_number": "+442071838750"},
        "billing_address": {
            "address_line1": "12 St James Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB",
        },
        "success_url_redirect": "https://shop.example/paid?order=1042",
        "fail_url_redirect": "https://shop.example/cart",
    })
}

/// What is shown of it once it was approved.
fn shown(surface: &Surface<'_>) -> Value {
    let payment = serde_json::from_value(example()).expect("the example could have been stored");
    let view = PaymentView {
        id: ID.parse().expect("it is an id"),
        merchant_id: MERCHANT_ID.parse().expect("it is an id"),
        environment: Environment::Test,
        status: Status::Approved,
        payment: &payment,
        redirect_url: &redirect_url(surface),
        created_at: Timestamp::from_millis(1_764_000_000_007),
        expires_at: Timestamp::from_millis(1_764_000_900_007),
        decided_at: Some(Timestamp::from_millis(1_764_000_060_120)),
    };
    serde_json::to_value(view).expect("what is shown serialises")
}
