//! Tests that the description of the HTTP API and the parsers agree.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::string::string_regex;
use serde_json::{Value, json};
use tollgate_http::IdempotencyKey;

use super::body::{NewPayment, samples};
use super::country;
use super::listing::{Cursor, Listing};
use super::money::Currency;

fn document() -> Value {
    yaml_serde::from_str(include_str!("../../../../docs/openapi.yaml")).unwrap()
}

/// Returns every operation with its name.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    operations.filter_map(|operation| Some((operation.get("operationId")?.as_str()?, operation)))
}

fn schema(name: &str) -> Value {
    document()["components"]["schemas"][name].take()
}

/// Returns the schema of a member of a new payment request, by its dotted name.
fn member(name: &str) -> Value {
    let document = document();
    let mut schema = document["components"]["schemas"]["NewPaymentRequest"].clone();
    for part in name.split('.').filter(|part| !part.is_empty()) {
        schema = schema["properties"][part].take();
        if let Some(reference) = schema["$ref"].as_str() {
            let referred = document.pointer(reference.strip_prefix('#').unwrap()).unwrap().clone();
            // Members beside a reference count as well, and here they are stricter.
            let mut members = referred.as_object().unwrap().clone();
            members.extend(schema.as_object().unwrap().clone());
            schema = Value::Object(members);
        }
    }
    schema
}

/// Generates the texts that a schema describes by its pattern and its length.
fn matching(schema: &Value) -> impl Strategy<Value = String> + use<> {
    let pattern = schema["pattern"].as_str().unwrap();
    let pattern = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')).unwrap();
    // No text can be generated from a lookahead, so the texts that it excludes are filtered below.
    let (excluded, pattern) = match pattern.strip_prefix("(?!").and_then(|rest| rest.split_once("$)")) {
        Some((_, rest)) => (true, rest),
        None => (false, pattern),
    };
    let longest = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
    let is_described = move |text: &String| {
        text.chars().count() as u64 <= longest && !(excluded && text.trim().is_empty() && !text.is_empty())
    };
    string_regex(pattern).unwrap().prop_filter("not described", is_described)
}

/// Generates texts for a member, according to its schema.
fn member_with(name: &'static str) -> impl Strategy<Value = (&'static str, String)> {
    matching(&member(name)).prop_map(move |text| (name, text))
}

/// Returns a full body with one member replaced.
fn body_with(name: &str, value: Value) -> Vec<u8> {
    let mut body = samples::full_body();
    *body.pointer_mut(&format!("/{}", name.replace('.', "/"))).unwrap() = value;
    body.to_string().into_bytes()
}

proptest! {
    #[test]
    fn a_text_that_a_pattern_admits_is_accepted(
        (name, text) in prop_oneof![
            member_with("customer.name"),
            member_with("customer.phone_number"),
            member_with("billing_address.postal_code"),
            member_with("billing_address.apartment"),
            member_with("payment_reference"),
            member_with("order_id"),
        ],
    ) {
        let problems = NewPayment::read(&body_with(name, text.clone().into())).err();
        prop_assert_eq!(problems, None, "{}: {:?}", name, text);
    }

    #[test]
    fn a_cursor_or_a_key_that_a_pattern_admits_is_accepted(
        cursor in matching(&schema("Cursor")),
        key in matching(&parameter("createPaymentRequest", "Idempotency-Key")),
    ) {
        prop_assert!(Cursor::read(&cursor).is_ok(), "{}", cursor);
        let headers = http::HeaderMap::from_iter([(http::HeaderName::from_static("idempotency-key"), key.parse().unwrap())]);
        prop_assert!(IdempotencyKey::of(&headers).is_ok(), "{:?}", key);
    }
}

/// Returns the schema of a parameter of an operation.
fn parameter(operation: &str, name: &str) -> Value {
    let document = document();
    let (_, operation) = operations(&document).find(|(id, _)| *id == operation).unwrap();
    let parameters = operation["parameters"].as_array().unwrap();
    parameters.iter().find(|parameter| parameter["name"] == name).unwrap()["schema"].clone()
}

#[test]
fn the_longest_text_is_accepted_and_a_longer_one_is_refused() {
    for name in [
        "customer.name",
        "billing_address.address_line1",
        "billing_address.address_line2",
        "billing_address.apartment",
        "billing_address.city",
        "billing_address.state_province",
        "billing_address.postal_code",
        "billing_address.company_name",
        "order_id",
    ] {
        let longest = usize::try_from(member(name)["maxLength"].as_u64().unwrap()).unwrap();
        assert!(NewPayment::read(&body_with(name, "é".repeat(longest).into())).is_ok(), "{name}");
        assert!(NewPayment::read(&body_with(name, "é".repeat(longest + 1).into())).is_err(), "{name}");
    }
    for (name, first, part) in [
        ("customer.email", "jane@", "example."),
        ("locale", "en-x-", "abcdefg-"),
        ("success_url_redirect", "https://shop.example/", "a"),
    ] {
        let longest = usize::try_from(member(name)["maxLength"].as_u64().unwrap()).unwrap();
        let filled = |length: usize| {
            let parts = part.repeat(length);
            format!("{first}{}h", &parts[..length - first.len() - 1])
        };
        assert!(NewPayment::read(&body_with(name, filled(longest).into())).is_ok(), "{name}");
        assert!(NewPayment::read(&body_with(name, filled(longest + 1).into())).is_err(), "{name}");
    }
}

#[test]
fn the_smallest_and_the_largest_number_are_accepted_and_those_beyond_are_refused() {
    let (amount, limit) = (member("amount"), parameter("listPaymentRequests", "limit"));
    let bounds = |schema: &Value| (schema["minimum"].as_u64().unwrap(), schema["maximum"].as_u64().unwrap());
    let (least, most) = bounds(&amount);
    for (value, is_good) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
        assert_eq!(NewPayment::read(&body_with("amount", value.into())).is_ok(), is_good, "{value}");
    }
    let (least, most) = bounds(&limit);
    for (value, is_good) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
        assert_eq!(Listing::read(&format!("limit={value}")).is_ok(), is_good, "{value}");
    }
    assert_eq!(limit["default"], Listing::DEFAULT_LIMIT);
}

#[test]
fn the_lists_of_codes_are_those_that_are_accepted() {
    let currencies: Vec<_> = Currency::all().into_iter().map(Currency::code).collect();
    assert_eq!(schema("Currency")["enum"], json!(currencies));
    assert_eq!(schema("Country")["enum"], json!(country::CODES.as_slice()));
    for name in ["currency", "billing_address.country"] {
        for code in member(name)["enum"].as_array().unwrap() {
            assert!(NewPayment::read(&body_with(name, code.clone())).is_ok(), "{code}");
        }
    }
}

#[test]
fn the_members_of_a_payment_are_those_that_are_read() {
    let body = samples::full_body();
    for name in ["", "customer", "billing_address"] {
        let (pointer, schema) =
            (if name.is_empty() { String::new() } else { format!("/{name}") }, member(name));
        let sent: BTreeSet<_> =
            body.pointer(&pointer).unwrap().as_object().unwrap().keys().cloned().collect();
        let described: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(sent, described, "{name}");
        for member in &described {
            let mut body = body.clone();
            body.pointer_mut(&pointer).unwrap().as_object_mut().unwrap().remove(member);
            let is_required = schema["required"].as_array().unwrap().contains(&json!(member));
            assert_eq!(NewPayment::read(body.to_string().as_bytes()).is_err(), is_required, "{member}");
        }
    }
}
