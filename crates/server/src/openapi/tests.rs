use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::string::string_regex;

use super::*;
use crate::idempotency::IdempotencyKey;
use crate::payments::body::{NewPayment, samples};
use crate::payments::listing::Cursor;
use crate::payments::schema;
use crate::route::{Route, Routes};

#[test]
fn every_route_is_described_but_those_for_browsers() {
    let document = document(&Surface::default());
    let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let payments = [
        "/api/v1/payment-requests:redirect",
        "/api/v1/payment-requests",
        "/api/v1/payment-requests/{id}",
        "/pay/{id}",
    ];
    let routes = Routes::with(payments);
    let served: BTreeSet<_> =
        routes.all().filter(|route| *route != Route::Unknown).map(|route| routes.path(route)).collect();
    assert_eq!(described, served);
}

#[test]
fn a_reference_leads_somewhere() {
    for surface in [Surface::default(), Surface { sandbox: false, health: false, ..Surface::default() }] {
        let document = document(&surface);
        let mut found = 0;
        visit(&document, &mut |object| {
            let Some(reference) = object.get("$ref") else { return };
            let pointer = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
            assert!(document.pointer(pointer.unwrap()).is_some(), "{reference}");
            found += 1;
        });
        assert!(found > 100);
    }
}

fn visit(value: &Value, see: &mut impl FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            see(object);
            object.values().for_each(|value| visit(value, see));
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        _ => {}
    }
}

#[test]
fn names_of_operations_are_there_once_and_their_texts_are_sentences() {
    let mut names = BTreeSet::new();
    for operation in operations(&Surface::default()) {
        assert!(names.insert(operation.id), "{}", operation.id);
        assert!(!operation.summary.ends_with('.') && !operation.description.is_empty(), "{}", operation.id);
    }
}

/// The texts that a schema describes by its pattern and its length.
fn matching(schema: &Value) -> impl Strategy<Value = String> + use<> {
    let pattern = schema["pattern"].as_str().unwrap();
    let pattern = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')).unwrap();
    let pattern = without_exceptions(pattern);
    let longest = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
    string_regex(&pattern)
        .unwrap()
        .prop_filter("too long", move |text| text.chars().count() as u64 <= longest)
}

/// A pattern without what it excludes, `(?!…)`, which no text can be made of.
fn without_exceptions(pattern: &str) -> String {
    let Some((before, rest)) = pattern.split_once("(?!") else { return pattern.to_owned() };
    let mut depth = 1;
    let end = rest.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    });
    format!("{before}{}", without_exceptions(&rest[end.unwrap() + 1..]))
}

/// The schema of a member of a new payment, by its dotted name.
fn member(name: &str) -> Value {
    let mut schema = schema::new_payment();
    for part in name.split('.') {
        schema = schema["properties"][part].take();
    }
    schema
}

/// Texts for a member, as the schema has them.
fn member_with(name: &'static str) -> impl Strategy<Value = (&'static str, String)> {
    matching(&member(name)).prop_map(move |text| (name, text))
}

proptest! {
    #[test]
    fn what_the_schema_of_a_text_admits_is_taken(
        (name, text) in prop_oneof![
            member_with("customer.name"),
            member_with("customer.email"),
            member_with("customer.phone_number"),
            member_with("billing_address.postal_code"),
            member_with("billing_address.apartment"),
            member_with("locale"),
            member_with("payment_reference"),
            member_with("order_id"),
            member_with("success_url_redirect"),
        ],
    ) {
        prop_assume!(name != "customer.email" || !is_excepted_email(&text));
        prop_assume!(name != "success_url_redirect" || text.split('/').nth(2).is_some_and(|host| host.len() <= 253));
        let mut body = samples::full_body();
        *body.pointer_mut(&format!("/{}", name.replace('.', "/"))).unwrap() = text.clone().into();
        let problems = NewPayment::read(body.to_string().as_bytes()).err().unwrap_or_default();
        let has_twin = name == "locale" && has_twin(&text);
        prop_assert_eq!(problems.is_empty(), !has_twin, "{}: {:?}", name, text);
    }

    #[test]
    fn what_the_pattern_of_a_cursor_or_a_key_admits_is_taken(
        cursor in matching(&schema::cursor()),
        key in matching(&payments::idempotency_key()["schema"]),
    ) {
        prop_assert!(Cursor::read(&cursor).is_ok(), "{}", cursor);
        let headers = http::HeaderMap::from_iter([(http::HeaderName::from_static("idempotency-key"), key.parse().unwrap())]);
        prop_assert!(IdempotencyKey::of(&headers).is_ok(), "{:?}", key);
    }
}

/// Whether the pattern excepts an address: a local part that is too long, or a last label of digits.
fn is_excepted_email(text: &str) -> bool {
    let (local, domain) = text.split_once('@').unwrap();
    local.chars().count() > 64 || domain.rsplit('.').next().unwrap().bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a variant or the letter of an extension is there twice.
fn has_twin(tag: &str) -> bool {
    let mut seen = BTreeSet::new();
    let tag = tag.to_ascii_lowercase();
    let mut in_extensions = false;
    for part in tag.split(['-', '_']).skip(1) {
        if part == "x" {
            break;
        }
        let is_variant =
            part.len() >= 5 || (part.len() == 4 && part.starts_with(|c: char| c.is_ascii_digit()));
        in_extensions |= part.len() == 1;
        if (part.len() == 1 || (is_variant && !in_extensions)) && !seen.insert(part) {
            return true;
        }
    }
    false
}

#[test]
fn the_lists_of_codes_are_those_that_are_taken() {
    for (name, count) in [("currency", 165), ("billing_address.country", 249)] {
        let codes = member(name)["enum"].as_array().unwrap().clone();
        assert_eq!(codes.len(), count);
        for code in codes {
            let mut body = samples::full_body();
            *body.pointer_mut(&format!("/{}", name.replace('.', "/"))).unwrap() = code;
            assert!(NewPayment::read(body.to_string().as_bytes()).is_ok());
        }
    }
}

#[test]
fn the_members_of_a_payment_are_those_that_are_read() {
    let body = samples::full_body();
    for (pointer, schema) in [
        ("", schema::new_payment()),
        ("/customer", member("customer")),
        ("/billing_address", member("billing_address")),
    ] {
        let sent: BTreeSet<_> = body.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect();
        let described: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(sent, described, "{pointer}");
        for name in &described {
            let mut body = body.clone();
            body.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name);
            let is_required = schema["required"].as_array().unwrap().contains(&json!(name));
            assert_eq!(NewPayment::read(body.to_string().as_bytes()).is_err(), is_required, "{name}");
        }
    }
}
