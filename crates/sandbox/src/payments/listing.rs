//! The query of `GET /api/v1/payment-requests`: the size of the page, its beginning, and a filter.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollgate_core::{MerchantId, PaymentRequestId, Timestamp};
use tollgate_http::{Problem, Problems};

use crate::payments::decision::Status;
use crate::payments::reading::Reading;

/// The query for a page of payment requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The most payment requests on the page: 1 to [`Listing::MAX_LIMIT`], by default [`Listing::DEFAULT_LIMIT`].
    pub limit: u8,
    /// The place after which the page begins, in the order of the listing; `None` for its start.
    pub cursor: Option<Cursor>,
    /// The merchant, named by an operator, which acts for every merchant.
    pub merchant_id: Option<MerchantId>,
    /// The conditions for payment requests on the page.
    pub filter: Filter,
}

/// The conditions that every payment request of a listing meets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub order_id: Option<String>,
    pub payment_reference: Option<String>,
    pub status: Option<Status>,
}

impl Filter {
    /// Says whether a payment request meets the conditions.
    pub(crate) fn takes(&self, stored: &Reading) -> bool {
        let is = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
        is(&self.order_id, &stored.payment.order_id)
            && is(&self.payment_reference, &stored.payment.payment_reference)
            && self.status.is_none_or(|status| status == stored.status)
    }
}

impl Listing {
    pub(crate) const MAX_LIMIT: u8 = 100;
    pub(crate) const DEFAULT_LIMIT: u8 = 20;

    /// Reads a query string without its `?`. Each parameter may appear once; an unknown one is a problem, too, because
    /// a caller who mistypes `cursor` would read the first page for ever.
    pub(crate) fn read(query: &str) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let (mut limit, mut cursor, mut merchant_id) = (None, None, None);
        let mut filter = Filter::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let outcome = match name.as_ref() {
                "limit" => once(&mut limit, read_limit(&value), &name),
                "cursor" => once(&mut cursor, Cursor::read(&value), &name),
                "merchant_id" => once(&mut merchant_id, read_merchant(&value), &name),
                "order_id" => once(&mut filter.order_id, Ok(value.into_owned()), &name),
                "payment_reference" => once(&mut filter.payment_reference, Ok(value.into_owned()), &name),
                "status" => once(&mut filter.status, read_status(&value), &name),
                _ => Err(Problem::new(name, "unknown parameter")),
            };
            if let Err(problem) = outcome {
                problems.push(problem);
            }
        }
        problems.or(Some(Self { limit: limit.unwrap_or(Self::DEFAULT_LIMIT), cursor, merchant_id, filter }))
    }
}

fn once<T>(slot: &mut Option<T>, value: Result<T, Problem>, name: &str) -> Result<(), Problem> {
    match slot.replace(value?) {
        None => Ok(()),
        Some(_) => Err(Problem::new(name, "duplicate parameter")),
    }
}

fn read_limit(text: &str) -> Result<u8, Problem> {
    let number = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match number.and_then(|digits| digits.parse().ok()) {
        Some(limit @ 1..=Listing::MAX_LIMIT) => Ok(limit),
        _ => Err(Problem::new("limit", format!("must be an integer from 1 to {}", Listing::MAX_LIMIT))),
    }
}

fn read_merchant(text: &str) -> Result<MerchantId, Problem> {
    text.parse().map_err(|_| Problem::new("merchant_id", "must be a UUID"))
}

fn read_status(text: &str) -> Result<Status, Problem> {
    match text {
        "pending" => Ok(Status::Pending),
        "approved" => Ok(Status::Approved),
        "declined" => Ok(Status::Declined),
        "expired" => Ok(Status::Expired),
        _ => Err(Problem::new("status", "must be pending, approved, declined or expired")),
    }
}

/// A place in the listing: right after the request with this creation time and id.
///
/// Its text is 32 characters of base64url (RFC 4648 §5), opaque to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// When that request was created.
    pub created_at: Timestamp,
    /// The id of that request, which tells it from others of the same millisecond.
    pub id: PaymentRequestId,
}

impl Cursor {
    /// The length in bytes: 8 bytes of milliseconds, big-endian, and 16 of the id.
    const LEN: usize = 24;

    /// Returns the cursor as text.
    pub(crate) fn encode(&self) -> String {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&self.created_at.millis().to_be_bytes());
        bytes[8..].copy_from_slice(self.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a text that [`Cursor::encode`] wrote, and no other.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        Self::decode(text)
            .ok_or_else(|| Problem::new("cursor", "must be the next_cursor of an earlier answer"))
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes: [u8; Self::LEN] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (millis, id) = bytes.split_first_chunk::<8>()?;
        let created_at = Timestamp::from_millis(u64::from_be_bytes(*millis));
        let id = PaymentRequestId::from_bytes(id.try_into().ok()?);
        (created_at <= Timestamp::MAX).then_some(Self { created_at, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cursor() -> Cursor {
        Cursor {
            created_at: Timestamp::from_millis(1_764_000_000_007),
            id: PaymentRequestId::from_bytes([7; 16]),
        }
    }

    fn fields(query: &str) -> Vec<String> {
        Listing::read(query).unwrap_err().iter().map(|problem| problem.field.clone()).collect()
    }

    #[test]
    fn a_listing_has_a_limit_and_perhaps_a_cursor() {
        let all = || Listing { limit: 20, cursor: None, merchant_id: None, filter: Filter::default() };
        assert_eq!(Listing::read(""), Ok(all()));
        assert_eq!(Listing::read("limit=1"), Ok(Listing { limit: 1, ..all() }));
        let query = format!("cursor={}&limit=100", cursor().encode());
        assert_eq!(Listing::read(&query), Ok(Listing { limit: 100, cursor: Some(cursor()), ..all() }));
        let filter = Filter {
            order_id: Some("A 1".to_owned()),
            payment_reference: Some("REF".to_owned()),
            status: Some(Status::Approved),
        };
        let query = "order_id=A+1&payment_reference=REF&status=approved";
        assert_eq!(Listing::read(query), Ok(Listing { filter, ..all() }));
    }

    #[test]
    fn every_problem_of_a_query_is_named() {
        for bad in ["", "0", "101", "256", "-1", "%2B5", "1.0", "ten", "1%00", "٣"] {
            assert_eq!(fields(&format!("limit={bad}")), ["limit"], "{bad}");
        }
        assert_eq!(fields("limit=1&limit=1"), ["limit"]);
        assert_eq!(fields("status=paid&order_id=1&order_id=2&status="), ["status", "order_id", "status"]);
        assert_eq!(fields("limit=0&cursor=x&Limit=2"), ["limit", "cursor", "Limit"]);
    }

    #[test]
    fn only_the_text_that_was_handed_out_is_a_cursor() {
        let text = cursor().encode();
        assert_eq!(text.len(), 32);
        for bad in
            ["", "AA", &text[1..], &format!("{text}A"), &format!("{text}="), &"_".repeat(32), &"+".repeat(32)]
        {
            assert_eq!(Cursor::read(bad).unwrap_err().field, "cursor", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back(millis in 0..=Timestamp::MAX.millis(), id in any::<[u8; 16]>()) {
            let id = PaymentRequestId::from_bytes(id);
            let cursor = Cursor { created_at: Timestamp::from_millis(millis), id };
            prop_assert_eq!(Cursor::read(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = Listing::read(&text);
            let _ = Cursor::read(&text);
        }
    }
}
