//! A payment request as its merchant sees it.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use tollgate_core::{Environment, MerchantId, PaymentRequestId, Timestamp};

use super::decision::Status;
use super::stored_payment::StoredPayment;

/// The answer to `GET` of a payment request: a JSON object whose members have this order, with the members of the payment in
/// between and absent ones left out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PaymentView<'a> {
    /// The id of the payment request.
    pub id: PaymentRequestId,
    /// The merchant that it belongs to; the payment's own `merchant_id` is ignored.
    pub merchant_id: MerchantId,
    /// The environment that it belongs to.
    pub environment: Environment,
    /// The status of the payment request.
    pub status: Status,
    /// The payment that was asked for.
    pub payment: &'a StoredPayment,
    /// The URL of its page.
    pub redirect_url: &'a str,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its page stops taking a decision.
    pub expires_at: Timestamp,
    /// When it was approved or declined.
    pub decided_at: Option<Timestamp>,
}

impl Serialize for PaymentView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let payment = self.payment;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("merchant_id", &self.merchant_id)?;
        map.serialize_entry("environment", &self.environment)?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("amount", &payment.amount)?;
        map.serialize_entry("currency", &payment.currency)?;
        map.serialize_entry("locale", &payment.locale)?;
        map.serialize_entry("customer", &payment.customer)?;
        map.serialize_entry("billing_address", &payment.billing_address)?;
        entry(&mut map, "payment_reference", payment.payment_reference.as_ref())?;
        entry(&mut map, "order_id", payment.order_id.as_ref())?;
        entry(&mut map, "success_url_redirect", payment.success_url_redirect.as_ref())?;
        entry(&mut map, "fail_url_redirect", payment.fail_url_redirect.as_ref())?;
        entry(&mut map, "test_transaction", payment.test_transaction.as_ref())?;
        entry(&mut map, "selected_bank_id", payment.selected_bank_id.as_ref())?;
        map.serialize_entry("redirect_url", self.redirect_url)?;
        map.serialize_entry("created_at", &self.created_at.rfc3339_millis())?;
        map.serialize_entry("expires_at", &self.expires_at.rfc3339_millis())?;
        entry(&mut map, "decided_at", self.decided_at.map(Timestamp::rfc3339_millis).as_ref())?;
        map.end()
    }
}

fn entry<M: SerializeMap>(map: &mut M, name: &str, value: Option<&impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::body::samples;

    fn view(payment: &StoredPayment) -> PaymentView<'_> {
        PaymentView {
            id: "0b6c1f0e-93a5-4b6e-8d57-0c9d4d1e2f3a".parse().unwrap(),
            merchant_id: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff".parse().unwrap(),
            environment: Environment::Test,
            status: Status::Approved,
            payment,
            redirect_url: "https://pay.example/pay/0b6c1f0e-93a5-4b6e-8d57-0c9d4d1e2f3a",
            created_at: Timestamp::from_millis(1_764_000_000_007),
            expires_at: Timestamp::from_millis(1_764_000_900_007),
            decided_at: Some(Timestamp::from_millis(1_764_000_060_120)),
        }
    }

    #[test]
    fn everything_is_shown_in_one_order() {
        let payment = samples::stored(&samples::full());
        insta::assert_snapshot!(serde_json::to_string_pretty(&view(&payment)).unwrap());
    }

    #[test]
    fn what_is_absent_is_left_out() {
        let payment = samples::stored(&samples::minimal());
        let view = PaymentView { status: Status::Pending, decided_at: None, ..view(&payment) };
        insta::assert_snapshot!(serde_json::to_string_pretty(&view).unwrap());
    }

    #[test]
    fn times_are_utc_to_the_millisecond_and_never_past_the_year_9999() {
        assert_eq!(Timestamp::from_millis(0).rfc3339_millis(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_764_000_000_007).rfc3339_millis(), "2025-11-24T16:00:00.007Z");
        assert_eq!(Timestamp::MAX.rfc3339_millis(), "9999-12-31T23:59:59.999Z");
    }
}
