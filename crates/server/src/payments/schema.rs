//! The fields of a payment request as JSON Schema (draft 2020-12), made of the constants and the rules that their
//! parsers apply.

use serde_json::{Map, Value, json};

use super::listing::Listing;
use super::money::{Amount, Currency};
use super::text::{Line, PaymentReference, PhoneNumber, PostalCode, is_control};
use super::{country, email, locale, redirect_url};
use crate::openapi::pattern::{any_case, ascii, class};

/// Which side wrote an object: an optional member of a request may be `null`, one of an answer is left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Answer,
}

/// The body of `POST /api/v1/payment-requests:redirect`.
pub(crate) fn new_payment() -> Value {
    let mut members = Members::new(Side::Request);
    members.optional(
        "merchant_id",
        uuid(),
        "Who is to be paid: the token's own merchant, which is meant where this is absent. An operator's token must \
         name one.",
    );
    payment(&mut members);
    members.object("A payment that a merchant asks for.")
}

/// What `GET` shows of a payment request.
pub(crate) fn payment_request() -> Value {
    let mut members = Members::new(Side::Answer);
    members.required("id", uuid(), "Its id.");
    members.required("merchant_id", uuid(), "Who is to be paid.");
    members.required(
        "environment",
        json!({"const": "test"}),
        "The sandbox takes credentials of this environment only.",
    );
    let status = json!({"type": "string", "enum": ["pending", "approved", "declined", "expired"]});
    members.required("status", status, "What became of it.");
    payment(&mut members);
    members.required(
        "redirect_url",
        json!({"type": "string", "format": "uri"}),
        "Where its page is: send the person there.",
    );
    members.required("created_at", time(), "When it was created.");
    members.required("expires_at", time(), "From when on its page takes no decision.");
    members.optional("decided_at", time(), "When it was approved or declined.");
    members.object("A payment request.")
}

/// What a query names: how many, and after which.
pub(crate) fn limit() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": Listing::MAX_LIMIT, "default": Listing::DEFAULT_LIMIT})
}

/// A place in a listing. The pattern is that of every cursor that is handed out until the year 6429.
pub(crate) fn cursor() -> Value {
    json!({"type": "string", "pattern": "^AA[AB][A-Za-z0-9_-]{29}$"})
}

/// An id.
pub(crate) fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

/// A moment: RFC 3339, in UTC.
pub(crate) fn time() -> Value {
    json!({"type": "string", "format": "date-time", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"})
}

/// What a request and the answer about it have in common.
fn payment(members: &mut Members) {
    let side = members.side;
    members.required("customer", customer(side), "");
    members.required("billing_address", billing_address(side), "");
    let amount = json!({"type": "integer", "minimum": 1, "maximum": Amount::MAX});
    members.required(
        "amount",
        amount,
        "How much, in minor units of the currency; written without fraction or exponent.",
    );
    members.required(
        "currency",
        currency(side),
        "ISO 4217, in upper case: a current code that has a minor unit.",
    );
    members.required(
        "locale",
        locale(),
        "Which language the person reads, as a BCP 47 tag; `en_GB` counts as `en-GB`. No variant or extension twice.",
    );
    let reference = format!("^[A-Za-z0-9]{{1,{}}}$", PaymentReference::MAX);
    members.optional(
        "payment_reference",
        json!({"type": "string", "pattern": reference}),
        "What stands on the bank statement.",
    );
    members.optional("order_id", line(Line::MAX), "What the merchant calls the order.");
    members.optional(
        "success_url_redirect",
        url(),
        "Where the person goes after approving: an absolute http(s) URL.",
    );
    members.optional("fail_url_redirect", url(), "Where the person goes after declining, or too late.");
    let test = json!({"type": "boolean", "enum": [true]});
    members.optional("test_transaction", test, "`true` is the only value: the sandbox moves no money.");
    members.optional("selected_bank_id", uuid(), "Which bank the person chose beforehand.");
}

fn customer(side: Side) -> Value {
    let mut members = Members::new(side);
    members.required("name", line(Line::MAX), "Their name.");
    members.required(
        "email",
        email(),
        "Their address: `local@domain`. At most 64 characters before the `@`; letters of any script.",
    );
    let digits = PhoneNumber::DIGITS;
    let phone = format!("^\\+[1-9][0-9]{{{},{}}}$", digits.start() - 1, digits.end() - 1);
    members.optional(
        "phone_number",
        json!({"type": "string", "pattern": phone}),
        "E.164, such as `+442071838750`.",
    );
    members.object("Who pays.")
}

fn billing_address(side: Side) -> Value {
    let mut members = Members::new(side);
    members.required("address_line1", line(Line::MAX), "Street and number.");
    members.blank("address_line2", "What does not fit the first line.");
    members.blank("apartment", "Apartment, floor or suite.");
    members.required("city", line(Line::MAX), "Town or city.");
    members.blank("state_province", "State, province or county.");
    members.required("postal_code", line(PostalCode::MAX), "Its form is the country's affair.");
    let country = json!({"type": "string", "enum": country::CODES.as_slice()});
    members.required("country", country, "ISO 3166-1 alpha-2, in upper case.");
    members.blank("company_name", "The company that is billed.");
    members.object("Where the bill goes.")
}

/// A line of free text: not all of it white space, and no control characters.
fn line(max: usize) -> Value {
    let (any, dark) = (class(|c| !is_control(c)), class(|c| !is_control(c) && !c.is_whitespace()));
    json!({"type": "string", "minLength": 1, "maxLength": max, "pattern": format!("^{any}*{dark}{any}*$")})
}

/// The same, or nothing.
fn blank_line(max: usize) -> Value {
    let (any, dark) = (class(|c| !is_control(c)), class(|c| !is_control(c) && !c.is_whitespace()));
    json!({"type": "string", "maxLength": max, "pattern": format!("^(?:{any}*{dark}{any}*)?$")})
}

fn email() -> Value {
    let atom = class(email::is_atom_character);
    let (inner, outer) =
        (class(email::is_label_character), class(|c| email::is_label_character(c) && c != '-'));
    let label = format!("{outer}(?:{inner}{{0,{}}}{outer})?", email::MAX_LABEL - 2);
    let too_long = format!("(?![^@]{{{}}})", email::MAX_LOCAL_PART + 1);
    let pattern = format!("^{too_long}(?!.*\\.[0-9]+$){atom}+(?:\\.{atom}+)*@(?:{label}\\.)+{label}$");
    json!({"type": "string", "maxLength": email::MAX_LEN, "pattern": pattern})
}

/// A payment outlives its currency, so an answer may have a code that a request can't name any more.
fn currency(side: Side) -> Value {
    match side {
        Side::Request => {
            json!({"type": "string", "enum": Currency::all().into_iter().map(Currency::code).collect::<Vec<_>>()})
        }
        Side::Answer => json!({"type": "string", "pattern": "^[A-Z]{3}$"}),
    }
}

/// RFC 5646 §2.1, with `_` for `-` as well; and no variant or letter of an extension twice (§2.2.5, §2.2.6).
fn locale() -> Value {
    let private = "[Xx](?:[-_][A-Za-z0-9]{1,8})+";
    let language = "(?:[A-Za-z]{2,3}(?:[-_][A-Za-z]{3}){0,3}|[A-Za-z]{4,8})";
    let script = "(?:[-_][A-Za-z]{4})?";
    let region = "(?:[-_](?:[A-Za-z]{2}|[0-9]{3}))?";
    let (variant, letter) = ("[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}", "[0-9A-WY-Za-wy-z]");
    let more =
        format!("(?:[-_](?:{variant}))*(?:[-_]{letter}(?:[-_][A-Za-z0-9]{{2,8}})+)*(?:[-_]{private})?");
    let irregular: Vec<_> = locale::IRREGULAR.iter().map(|tag| any_case(tag).replace('-', "[-_]")).collect();
    let irregular = irregular.join("|");
    json!({
        "type": "string",
        "maxLength": locale::MAX_LEN,
        "pattern": format!("^(?:{language}{script}{region}{more}|{private}|{irregular})$"),
        "not": {"pattern": format!("[-_]({variant}|{letter})[-_](?:.*[-_])?\\1(?:[-_]|$)")},
    })
}

/// RFC 3986, by the rules of [`redirect_url::parse`].
fn url() -> Value {
    let name = format!("{}{{1,{}}}", ascii(redirect_url::is_host_character), redirect_url::MAX_LABEL);
    let port = "0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
    let rest = format!("(?:{}|%[0-9A-Fa-f]{{2}})*", ascii(redirect_url::is_uri_character));
    let pattern = format!(
        "^{}[Ss]?://(?![^:/?#]{{{}}})(?:{name}(?:\\.{name})*|\\[(?:{})\\])(?::{port})?(?:[/?#]{rest})?$",
        any_case("http"),
        redirect_url::MAX_HOST + 1,
        ipv6_address()
    );
    json!({"type": "string", "maxLength": redirect_url::MAX_LEN, "pattern": pattern})
}

/// RFC 3986 §3.2.2, `IPv6address`: eight groups, or fewer with `::` for the others; the last two may be an IPv4 address.
fn ipv6_address() -> String {
    let group = "[0-9A-Fa-f]{1,4}";
    let byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    let tail = format!("(?:{group}:{group}|{byte}(?:\\.{byte}){{3}})");
    let mut forms = vec![format!("(?:{group}:){{6}}{tail}")];
    for before in 0..=7 {
        let head =
            if before == 0 { String::new() } else { format!("(?:(?:{group}:){{0,{}}}{group})?", before - 1) };
        forms.push(match before {
            0..=5 => format!("{head}::(?:{group}:){{{}}}{tail}", 5 - before),
            6 => format!("{head}::{group}"),
            _ => format!("{head}::"),
        });
    }
    forms.join("|")
}

/// The members of an object, in their order.
struct Members {
    side: Side,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

impl Members {
    fn new(side: Side) -> Self {
        Self { side, properties: Map::new(), required: Vec::new() }
    }

    fn required(&mut self, name: &'static str, schema: Value, description: &str) {
        self.required.push(name);
        self.add(name, schema, description);
    }

    /// A member that may be absent, or `null` in a request.
    fn optional(&mut self, name: &'static str, mut schema: Value, description: &str) {
        if self.side == Side::Request {
            schema["type"] = json!([schema["type"], "null"]);
            if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
                values.push(Value::Null);
            }
        }
        self.add(name, schema, description);
    }

    /// A line of an address that may be absent, or empty in a request.
    fn blank(&mut self, name: &'static str, description: &str) {
        let schema = if self.side == Side::Request { blank_line(Line::MAX) } else { line(Line::MAX) };
        self.optional(name, schema, description);
    }

    fn add(&mut self, name: &str, mut schema: Value, description: &str) {
        if !description.is_empty() {
            schema["description"] = description.into();
        }
        self.properties.insert(name.to_owned(), schema);
    }

    fn object(self, description: &str) -> Value {
        json!({
            "type": "object",
            "description": description,
            "properties": self.properties,
            "required": self.required,
            "additionalProperties": false,
        })
    }
}
