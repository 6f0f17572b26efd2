//! Sample payments for tests.

use serde_json::{Value, json};

use super::NewPayment;
use crate::payments::stored_payment::StoredPayment;

/// Returns a body with every member.
pub(crate) fn full_body() -> Value {
    json!({
        "merchant_id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "customer": {"name": "Zoë O'Neil", "email": "zoe@example.com", "phone_number": "+442071838750"},
        "billing_address": {
            "address_line1": "1 High Street",
            "address_line2": "Old Town",
            "apartment": "4b",
            "city": "Bath",
            "state_province": "Somerset",
            "postal_code": "BA1 1AA",
            "country": "GB",
            "company_name": "O'Neil & Daughters"
        },
        "amount": 123_450,
        "currency": "GBP",
        "locale": "en-GB",
        "payment_reference": "INV2026",
        "order_id": "order #1042",
        "success_url_redirect": "https://shop.example/ok?order=1042",
        "fail_url_redirect": "https://shop.example/failed",
        "test_transaction": true,
        "selected_bank_id": "0191e0a1-5c3b-7def-8123-456789abcdef"
    })
}

/// Returns a body with only the required members.
pub(crate) fn minimal_body() -> Value {
    json!({
        "customer": {"name": "Jo", "email": "jo@example.com"},
        "billing_address": {"address_line1": "Am Markt 2", "city": "Jena", "postal_code": "07743", "country": "DE"},
        "amount": 1,
        "currency": "EUR",
        "locale": "de-DE"
    })
}

/// Returns the payment of [`full_body`].
pub(crate) fn full() -> NewPayment {
    read(&full_body())
}

/// Returns the payment of [`minimal_body`].
pub(crate) fn minimal() -> NewPayment {
    read(&minimal_body())
}

/// Returns the payment of [`full_body`] with another value at a JSON pointer (RFC 6901).
pub(crate) fn with(pointer: &str, value: impl Into<Value>) -> NewPayment {
    let mut body = full_body();
    *body.pointer_mut(pointer).unwrap() = value.into();
    read(&body)
}

/// Returns a payment as it is read from the store.
pub(crate) fn stored(payment: &NewPayment) -> StoredPayment {
    serde_json::from_str(&payment.canonical()).unwrap()
}

fn read(body: &Value) -> NewPayment {
    NewPayment::read(body.to_string().as_bytes()).unwrap()
}
