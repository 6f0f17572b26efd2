//! A payment as the store kept it.
//!
//! What was accepted once is shown as it was, whatever is accepted today: a rule for requests that is tightened must not
//! damage what was stored under the old one. So nothing of the parsers of requests is here. What is used for more than
//! showing, the addresses that a person is sent to, is read by today's rules where it is used.

use serde::{Deserialize, Deserializer, Serialize};

use super::money::{Amount, Currency};
use super::redirect_url::RedirectUrl;

/// A payment that a merchant asked for. Members that are not known are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct StoredPayment {
    /// Who pays.
    pub customer: Customer,
    /// Where the bill goes.
    pub billing_address: BillingAddress,
    /// How much, in minor units of `currency`.
    #[serde(deserialize_with = "amount")]
    pub amount: Amount,
    /// In which currency; any that ever was one.
    pub currency: Currency,
    /// Which language the person reads.
    pub locale: String,
    /// What stands on the bank statement.
    pub payment_reference: Option<String>,
    /// What the merchant calls the order.
    pub order_id: Option<String>,
    /// Where the person goes after approving.
    pub success_url_redirect: Option<String>,
    /// Where the person goes after declining.
    pub fail_url_redirect: Option<String>,
    /// Whether the request said that no money is to move.
    pub test_transaction: Option<bool>,
    /// Which bank the person chose beforehand.
    pub selected_bank_id: Option<String>,
}

/// Who pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Customer {
    /// Their name.
    pub name: String,
    /// Their email address.
    pub email: String,
    /// Their telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

/// Where the bill goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BillingAddress {
    /// Street and number.
    pub address_line1: String,
    /// What does not fit the first line.
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
    /// Country.
    pub country: String,
    /// The company that is billed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_name: Option<String>,
}

impl StoredPayment {
    /// Where the person may be sent after approving. An address that would not be taken today is shown to the merchant
    /// and followed by nobody.
    pub(crate) fn success_url(&self) -> Option<RedirectUrl> {
        self.success_url_redirect.as_deref()?.parse().ok()
    }

    /// Where the person may be sent after declining, likewise.
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

    /// Each of these was or may have been accepted under a rule that is no more.
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
