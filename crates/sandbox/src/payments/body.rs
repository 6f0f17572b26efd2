//! The body of `POST /api/v1/payment-requests:redirect`.

use serde::Serialize;
use tollgate_core::MerchantId;
use tollgate_http::Problems;
use tollgate_http::fields::{self, Fields, FromFields, FromJson, Refused};
use tollgate_http::json::Json;

use super::email::Email;
use super::money::{Amount, Currency};
use super::redirect_url::RedirectUrl;
use super::text::{BankId, Country, Line, Locale, Merchant, PaymentReference, PhoneNumber, PostalCode};

/// A payment that a merchant asks for.
///
/// It serialises to one canonical JSON object: members in this order, absent ones left out. The fingerprint of an
/// idempotent request is taken from those bytes, and the store keeps them: they are read again as a
/// [`StoredPayment`](super::stored_payment::StoredPayment).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NewPayment {
    /// The merchant to be paid; the token's merchant if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merchant_id: Option<MerchantId>,
    /// The person who pays.
    pub customer: Customer,
    /// The address for the bill.
    pub billing_address: BillingAddress,
    /// The amount, in minor units of `currency`.
    pub amount: Amount,
    /// The currency of the amount.
    pub currency: Currency,
    /// The language that the person reads.
    pub locale: Locale,
    /// The reference on the bank statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_reference: Option<PaymentReference>,
    /// The merchant's id of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<Line>,
    /// The URL to which the person is sent after approving.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_url_redirect: Option<RedirectUrl>,
    /// The URL to which the person is sent after declining.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_url_redirect: Option<RedirectUrl>,
    /// Present if the request says that no money must move, which is always so in the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_transaction: Option<TestTransaction>,
    /// The bank that the person chose beforehand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected_bank_id: Option<BankId>,
}

impl NewPayment {
    /// Reads a request's body, or returns everything that is wrong with it: problems of known members in the order above, then
    /// unknown members. `null` is the same as absent for an optional member.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Problems> {
        fields::read(body)
    }

    /// Returns bytes that are the same for the same payment, however its request was written.
    pub(crate) fn canonical(&self) -> String {
        serde_json::to_string(self).expect("texts, integers and objects of them serialise")
    }
}

impl FromFields for NewPayment {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let merchant_id = fields.optional("merchant_id").map(|Merchant(id)| id);
        let customer = fields.object("customer");
        let billing_address = fields.object("billing_address");
        let amount = fields.required("amount");
        let currency = fields.required("currency");
        let locale = fields.required("locale");
        let payment_reference = fields.optional("payment_reference");
        let order_id = fields.optional("order_id");
        let success_url_redirect = fields.optional("success_url_redirect");
        let fail_url_redirect = fields.optional("fail_url_redirect");
        let test_transaction = fields.optional("test_transaction");
        let selected_bank_id = fields.optional("selected_bank_id");
        Some(Self {
            merchant_id,
            customer: customer?,
            billing_address: billing_address?,
            amount: amount?,
            currency: currency?,
            locale: locale?,
            payment_reference,
            order_id,
            success_url_redirect,
            fail_url_redirect,
            test_transaction,
            selected_bank_id,
        })
    }
}

/// The person who pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Customer {
    /// The person's name.
    pub name: Line,
    /// The person's email address.
    pub email: Email,
    /// The person's telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<PhoneNumber>,
}

impl FromFields for Customer {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.required("name");
        let email = fields.required("email");
        let phone_number = fields.optional("phone_number");
        Some(Self { name: name?, email: email?, phone_number })
    }
}

/// The address for the bill. Its optional lines may be empty, which is the same as absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct BillingAddress {
    /// Street and number.
    pub address_line1: Line,
    /// A continuation of the first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_line2: Option<Line>,
    /// Apartment, floor or suite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apartment: Option<Line>,
    /// Town or city.
    pub city: Line,
    /// State, province or county.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_province: Option<Line>,
    /// Postal code.
    pub postal_code: PostalCode,
    /// The country, as an ISO 3166-1 code.
    pub country: Country,
    /// The company that is billed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_name: Option<Line>,
}

impl FromFields for BillingAddress {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let address_line1 = fields.required("address_line1");
        let address_line2 = fields.optional_or_blank("address_line2");
        let apartment = fields.optional_or_blank("apartment");
        let city = fields.required("city");
        let state_province = fields.optional_or_blank("state_province");
        let postal_code = fields.required("postal_code");
        let country = fields.required("country");
        let company_name = fields.optional_or_blank("company_name");
        Some(Self {
            address_line1: address_line1?,
            address_line2,
            apartment,
            city: city?,
            state_province,
            postal_code: postal_code?,
            country: country?,
            company_name,
        })
    }
}

/// The one value that `test_transaction` has in a sandbox: `true`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "bool")]
pub struct TestTransaction;

impl TryFrom<bool> for TestTransaction {
    type Error = Refused;

    fn try_from(test: bool) -> Result<Self, Refused> {
        if test { Ok(Self) } else { Err("must be true or absent: the sandbox moves no money".into()) }
    }
}

impl From<TestTransaction> for bool {
    fn from(TestTransaction: TestTransaction) -> Self {
        true
    }
}

impl FromJson for TestTransaction {
    fn from_json(json: &Json) -> Result<Self, Refused> {
        match json {
            Json::Bool(test) => (*test).try_into(),
            other => Err(Refused::ill_typed("a boolean", other)),
        }
    }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
