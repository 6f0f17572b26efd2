//! A payment as the store has kept it.
//!
//! A payment that was accepted is shown as it was, whatever is accepted today: a stricter rule for requests must not damage payments
//! that were stored before. So none of the parsers of requests is used here. The URLs that a person is sent to, which are used for
//! more than showing, are parsed by today's rules when they are used.

use serde::{Deserialize, Deserializer, Serialize};

use super::money::{Amount, Currency};
use super::redirect_url::RedirectUrl;

/// A payment that a merchant asked for. Unknown members are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct StoredPayment {
    /// The person who pays.
    pub customer: Customer,
    /// The address for the bill.
    pub billing_address: BillingAddress,
    /// The amount, in minor units of `currency`.
    #[serde(deserialize_with = "amount")]
    pub amount: Amount,
    /// The currency of the amount; any that was ever valid.
    pub currency: Currency,
    /// The language that the person reads.
    pub locale: String,
    /// The reference on the bank statement.
    pub payment_reference: Option<String>,
    /// The merchant's id of the order.
    pub order_id: Option<String>,
    /// The URL to which the person is sent after approving.
    pub success_url_redirect: Option<String>,
    /// The URL to which the person is sent after declining.
    pub fail_url_redirect: Option<String>,
    /// Whether the request said that no money must move.
    pub test_transaction: Option<bool>,
    /// The bank that the person chose beforehand.
    pub selected_bank_id: Option<String>,
}

/// The person who pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Customer {
    /// The person's name.
    pub name: String,
    /// The person's email address.
    pub email: String,
    /// The person's telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

/// The address for the bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BillingAddress {
    /// Street and number.
    pub address_line1: String,
    /// A continuation of the first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_line2: Option<String>,
    /// Apartment, floor or suite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apartment: Option<String>,
    /// Town or city.
    pub city: String,
    /// State, province or county.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_province: Option<String>,
    /// Postal code.
    pub postal_code: String,
    /// The country, as an ISO 3166-1 code.
    pub country: String,
    /// The company that is billed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_name: Option<String>,
}

impl StoredPayment {
    /// Returns the URL to which the person may be sent after approving. A URL that would be refused today is shown to the merchant
    /// but never used.
    pub(crate) fn success_url(&self) -> Option<RedirectUrl> {
        self.success_url_redirect.as_deref()?.parse().ok()
    }

    /// Returns the URL to which the person may be sent after declining, if it would be accepted today.
    pub(crate) fn fail_url(&self) -> Option<RedirectUrl> {
        self.fail_url_redirect.as_deref()?.parse().ok()
    }
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    u32::deserialize(deserializer).map(Amount::stored)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::payments::body::samples;

    fn kept(text: &str) -> StoredPayment {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_a_request_writes_is_read_again() {
        for payment in [samples::full(), samples::minimal()] {
            let written: Value = serde_json::from_str(&payment.canonical()).unwrap();
            let kept = kept(&payment.canonical());
            assert_eq!(json!(kept.customer), written["customer"]);
            assert_eq!(json!(kept.billing_address), written["billing_address"]);
            assert_eq!(json!(kept.amount), written["amount"]);
            assert_eq!(json!(kept.currency), written["currency"]);
            assert_eq!(json!(kept.locale), written["locale"]);
            assert_eq!(json!(kept.payment_reference), written["payment_reference"]);
            assert_eq!(json!(kept.selected_bank_id), written["selected_bank_id"]);
            assert_eq!(kept.success_url(), payment.success_url_redirect);
            assert_eq!(kept.fail_url(), payment.fail_url_redirect);
        }
    }

    /// Each of these payments was, or may have been, accepted under an earlier rule.
    #[test]
    fn a_rule_that_was_tightened_damages_nothing_that_was_stored() {
        let full = samples::full().canonical();
        for (pointer, value) in [
            ("/customer/name", json!("a\u{7}b")),
            ("/customer/email", json!("not an address")),
            ("/customer/phone_number", json!("0")),
            ("/billing_address/country", json!("XX")),
            ("/billing_address/postal_code", json!("")),
            ("/amount", json!(10_000_000)),
            ("/amount", json!(0)),
            ("/currency", json!("BGN")),
            ("/locale", json!("en_GB!")),
            ("/payment_reference", json!("more than eighteen characters")),
            ("/order_id", json!("")),
            ("/success_url_redirect", json!("ftp://shop.example/\u{e9}\r\n")),
            ("/test_transaction", json!(false)),
            ("/selected_bank_id", json!("bank")),
        ] {
            let mut details: Value = serde_json::from_str(&full).unwrap();
            *details.pointer_mut(pointer).unwrap() = value;
            details["of_a_newer_version"] = json!({"a": 1});
            kept(&details.to_string());
        }
    }

    #[test]
    fn nobody_is_sent_to_an_address_that_would_not_be_taken() {
        let mut details: Value = serde_json::from_str(&samples::full().canonical()).unwrap();
        for bad in
            ["javascript:alert(1)", "https://shop.example/\r\nx: y", "//shop.example", "https://\u{e9}/"]
        {
            details["success_url_redirect"] = bad.into();
            let kept = kept(&details.to_string());
            assert_eq!((kept.success_url(), kept.success_url_redirect.as_deref()), (None, Some(bad)));
        }
    }
}
