use proptest::prelude::*;
use serde_json::{Value, json};

use super::samples::{full, full_body, minimal, minimal_body};
use super::*;
use crate::payments::stored_payment::StoredPayment;

/// Returns every problem of a body, as `field: message`.
fn problems(body: impl AsRef<[u8]>) -> Vec<String> {
    let problems = NewPayment::read(body.as_ref()).unwrap_err();
    problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
}

/// Returns the fields that have problems once the member at `pointer` is `value`.
fn fields_with(pointer: &str, value: Value) -> Vec<String> {
    let mut body = full_body();
    *body.pointer_mut(pointer).unwrap() = value;
    match NewPayment::read(body.to_string().as_bytes()) {
        Ok(_) => vec![],
        Err(problems) => problems.iter().map(|problem| problem.field.clone()).collect(),
    }
}

/// Returns JSON with its members in another order.
fn reordered(value: &Value, reversed: bool) -> String {
    let Value::Object(members) = value else { return value.to_string() };
    let mut members: Vec<_> =
        members.iter().map(|(name, value)| format!("{name:?} :\n{}", reordered(value, !reversed))).collect();
    if reversed {
        members.reverse();
    }
    format!("{{ {} }}", members.join(" , "))
}

#[test]
fn a_body_with_everything_becomes_a_payment() {
    let payment = full();
    assert_eq!(payment.amount.minor_units(), 123_450);
    assert_eq!(payment.customer.phone_number.unwrap().as_str(), "+442071838750");
    assert_eq!(payment.billing_address.company_name.unwrap().as_str(), "O'Neil & Daughters");
    assert_eq!(payment.test_transaction, Some(TestTransaction));
    assert!(minimal().merchant_id.is_none());
}

#[test]
fn canonical_bytes_are_one_object_without_what_is_absent() {
    assert_eq!(
        minimal().canonical(),
        concat!(
            r#"{"customer":{"name":"Jo","email":"jo@example.com"},"#,
            r#""billing_address":{"address_line1":"Am Markt 2","city":"Jena","postal_code":"07743","country":"DE"},"#,
            r#""amount":1,"currency":"EUR","locale":"de-DE"}"#
        )
    );
}

#[test]
fn canonical_bytes_do_not_depend_on_order_space_or_spelling() {
    let canonical = full().canonical();
    for reversed in [false, true] {
        let body = reordered(&full_body(), reversed);
        assert_eq!(NewPayment::read(body.as_bytes()).unwrap().canonical(), canonical);
    }
    let body = full_body().to_string();
    for (this, that) in [
        ("en-GB", "en_GB"),
        ("6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "6F9619FF-8B86-4D01-B42D-00CF4FC964FF"),
        ("Bath", "\\u0042ath"),
    ] {
        assert_eq!(NewPayment::read(body.replace(this, that).as_bytes()).unwrap().canonical(), canonical);
    }
    assert_ne!(minimal().canonical(), canonical);
}

#[test]
fn an_empty_object_lacks_everything_that_is_required() {
    assert_eq!(
        problems("{}"),
        [
            "customer: is required",
            "customer.name: is required",
            "customer.email: is required",
            "billing_address: is required",
            "billing_address.address_line1: is required",
            "billing_address.city: is required",
            "billing_address.postal_code: is required",
            "billing_address.country: is required",
            "amount: is required",
            "currency: is required",
            "locale: is required",
        ]
    );
}

#[test]
fn everything_wrong_at_once_is_named_once_each_in_the_order_of_the_payment() {
    let body = json!({
        "extra": {"deep": 1},
        "selected_bank_id": "bank",
        "test_transaction": false,
        "fail_url_redirect": "javascript:alert(1)",
        "success_url_redirect": "/ok",
        "order_id": "",
        "payment_reference": "INV-1",
        "locale": "english!",
        "currency": "eur",
        "amount": 100.0,
        "billing_address": {
            "zip": "1", "company_name": "\n", "country": "gb", "postal_code": " ", "state_province": 1,
            "city": null, "apartment": [], "address_line2": {}, "address_line1": true
        },
        "customer": {"phone_number": "123", "email": "zoe", "name": "", "age": 7},
        "merchant_id": 1
    });
    insta::assert_snapshot!(problems(body.to_string()).join("\n"));
}

#[test]
fn a_body_that_is_no_single_object_is_a_problem_of_the_body() {
    for bad in ["", "[]", "null", "\"{}\"", "{", "{}{}", "\u{feff}{}"] {
        assert!(problems(bad)[0].starts_with("body: "), "{bad:?}");
    }
    let twice = problems(r#"{"customer":{"name":"a","name":"b"}}"#);
    assert_eq!(twice[0], "customer.name: duplicate field");
    assert!(twice.contains(&"currency: is required".to_owned()), "{twice:?}");
}

#[test]
fn null_is_absent_where_a_member_is_optional_and_ill_typed_where_it_is_required() {
    let required = [
        "/customer/name",
        "/customer/email",
        "/billing_address/address_line1",
        "/billing_address/city",
        "/amount",
    ];
    for pointer in required.into_iter().chain(["/currency", "/locale", "/customer", "/billing_address"]) {
        assert_eq!(fields_with(pointer, Value::Null), [pointer[1..].replace('/', ".")]);
    }
    for pointer in [
        "/merchant_id",
        "/customer/phone_number",
        "/billing_address/apartment",
        "/payment_reference",
        "/order_id",
        "/success_url_redirect",
        "/fail_url_redirect",
        "/test_transaction",
        "/selected_bank_id",
    ] {
        assert!(fields_with(pointer, Value::Null).is_empty(), "{pointer}");
    }
}

#[test]
fn an_empty_text_is_absent_in_the_optional_lines_of_an_address_and_nowhere_else() {
    for name in ["address_line2", "apartment", "state_province", "company_name"] {
        assert!(fields_with(&format!("/billing_address/{name}"), "".into()).is_empty(), "{name}");
        assert_eq!(fields_with(&format!("/billing_address/{name}"), " ".into()).len(), 1, "{name}");
    }
    for pointer in ["/order_id", "/payment_reference", "/success_url_redirect", "/merchant_id"] {
        assert_eq!(fields_with(pointer, "".into()), [&pointer[1..]]);
    }
}

#[test]
fn a_value_of_another_type_is_refused_by_every_member() {
    let leaf = |pointer: &str, value: &Value| {
        assert_eq!(
            fields_with(pointer, value.clone()),
            [pointer[1..].replace('/', ".")],
            "{pointer} {value}"
        );
    };
    let body = full_body();
    for (name, value) in body.as_object().unwrap() {
        for wrong in [json!([]), json!([{}]), json!(-1.5)] {
            leaf(&format!("/{name}"), &wrong);
            for (inner, _) in value.as_object().into_iter().flatten() {
                leaf(&format!("/{name}/{inner}"), &wrong);
            }
        }
    }
}

#[test]
fn the_sandbox_only_takes_true_for_a_test_transaction() {
    for bad in [json!(false), json!("true"), json!(1)] {
        assert_eq!(fields_with("/test_transaction", bad), ["test_transaction"]);
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{0,8}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Value> {
    let text = || "[ -~à-ÿ]{0,12}";
    (any::<bool>(), text(), text(), 0_u64..10_000_001, "[A-Za-z0-9]{0,19}", "[a-z]{2}[-_][A-Z]{2}").prop_map(
        |(full, name, order, amount, reference, locale)| {
            let mut body = if full { full_body() } else { minimal_body() };
            body["customer"]["name"] = name.into();
            body["order_id"] = order.into();
            body["amount"] = amount.into();
            body["payment_reference"] = reference.into();
            body["locale"] = locale.into();
            body
        },
    )
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(member in prop::sample::select(vec!["customer", "amount", "locale", "x"]), value in json()) {
        let mut body = full_body();
        body[member] = value.clone();
        let _ = NewPayment::read(body.to_string().as_bytes());
        let _ = NewPayment::read(value.to_string().as_bytes());
    }

    #[test]
    fn what_is_read_reads_back_equal_from_its_canonical_bytes(body in body(), reversed in any::<bool>()) {
        if let Ok(payment) = NewPayment::read(body.to_string().as_bytes()) {
            let canonical = payment.canonical();
            prop_assert!(serde_json::from_str::<StoredPayment>(&canonical).is_ok());
            prop_assert_eq!(&NewPayment::read(canonical.as_bytes()).unwrap(), &payment);
            let reordered = NewPayment::read(reordered(&body, reversed).as_bytes()).unwrap();
            prop_assert_eq!(reordered.canonical(), canonical);
        }
    }

    #[test]
    fn no_field_is_named_twice(body in json()) {
        if let Err(problems) = NewPayment::read(body.to_string().as_bytes()) {
            let mut fields: Vec<_> = problems.iter().map(|problem| &problem.field).collect();
            let named = fields.len();
            fields.sort_unstable();
            fields.dedup();
            prop_assert_eq!(fields.len(), named);
        }
    }
}
