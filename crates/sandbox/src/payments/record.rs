//! A payment request as the store keeps it: a document.

use tollgate_core::{Environment, MerchantId, PaymentRequestId, Timestamp};
use tollgate_store::{Document, Documents, StoreError};

use crate::payments::decision::Decision;

/// The kind of document for payment requests.
const KIND: &str = "payment request";

/// The state of a payment request without a decision.
const PENDING: &str = "pending";

/// A payment request, as a document of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PaymentRequest {
    pub(super) id: PaymentRequestId,
    pub(super) merchant_id: MerchantId,
    pub(super) environment: Environment,
    /// The payment that was asked for, as a JSON object.
    pub(super) details: String,
    /// The decision, if one was made.
    pub(super) decision: Option<Decision>,
    pub(super) created_at: Timestamp,
    /// When its page stops taking a decision.
    pub(super) expires_at: Timestamp,
    pub(super) decided_at: Option<Timestamp>,
}

impl PaymentRequest {
    /// Returns a payment request, whichever merchant it belongs to.
    pub(super) async fn find<S: Documents + ?Sized>(
        store: &S,
        id: PaymentRequestId,
    ) -> Result<Option<Self>, StoreError> {
        store.document(KIND, *id.as_bytes()).await?.map(Self::read).transpose()
    }

    /// Returns up to `limit` payment requests of a merchant, newest first, after the one at `after`.
    pub(super) async fn list<S: Documents + ?Sized>(
        store: &S,
        merchant: MerchantId,
        environment: Environment,
        after: Option<(Timestamp, PaymentRequestId)>,
        limit: u32,
    ) -> Result<Vec<Self>, StoreError> {
        let after = after.map(|(created_at, id)| (created_at, *id.as_bytes()));
        let found = store.documents(KIND, merchant, environment, after, limit).await?;
        found.into_iter().map(Self::read).collect()
    }

    /// Records a decision, unless there is one or it is too late. Returns the payment request as it is
    /// afterwards; `None` if it does not exist.
    pub(super) async fn decide<S: Documents + ?Sized>(
        store: &S,
        id: PaymentRequestId,
        decision: Decision,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let state = state(Some(decision));
        let found = store.change_document(KIND, *id.as_bytes(), PENDING, state, now).await?;
        found.map(Self::read).transpose()
    }

    /// Returns the document that keeps it.
    pub(super) fn document(self) -> Document {
        Document {
            kind: KIND,
            id: *self.id.as_bytes(),
            merchant_id: self.merchant_id,
            environment: self.environment,
            body: self.details,
            state: state(self.decision).to_owned(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            changed_at: self.decided_at,
        }
    }

    fn read(document: Document) -> Result<Self, StoreError> {
        let id = PaymentRequestId::from_bytes(document.id);
        let decision = match document.state.as_str() {
            PENDING => None,
            "approved" => Some(Decision::Approve),
            "declined" => Some(Decision::Decline),
            other => {
                return Err(StoreError::Corrupt(format!("payment request {id} has the state {other:?}")));
            }
        };
        Ok(Self {
            id,
            merchant_id: document.merchant_id,
            environment: document.environment,
            details: document.body,
            decision,
            created_at: document.created_at,
            expires_at: document.expires_at,
            decided_at: document.changed_at,
        })
    }
}

fn state(decision: Option<Decision>) -> &'static str {
    match decision {
        None => PENDING,
        Some(Decision::Approve) => "approved",
        Some(Decision::Decline) => "declined",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tollgate_store_sqlite::Sqlite;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

    fn request(number: u8) -> PaymentRequest {
        PaymentRequest {
            id: PaymentRequestId::from_bytes([number; 16]),
            merchant_id: MerchantId::from_bytes([1; 16]),
            environment: Environment::Test,
            details: "{}".to_owned(),
            decision: None,
            created_at: NOW,
            expires_at: NOW.after(Duration::from_secs(60)),
            decided_at: None,
        }
    }

    fn store() -> (Sqlite, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Sqlite::open(&folder.path().join("tollgate.db")).unwrap(), folder)
    }

    #[tokio::test]
    async fn a_payment_request_is_as_it_was_created() {
        let (store, _folder) = store();
        let declined =
            PaymentRequest { decision: Some(Decision::Decline), decided_at: Some(NOW), ..request(2) };
        for created in [request(1), declined] {
            store.add_document(&created.clone().document()).await.unwrap();
            assert_eq!(PaymentRequest::find(&store, created.id).await.unwrap(), Some(created));
        }
        assert_eq!(PaymentRequest::find(&store, request(3).id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_payment_request_is_decided_once() {
        let (store, _folder) = store();
        let later = NOW.after(Duration::from_millis(1));
        store.add_document(&request(1).document()).await.unwrap();
        store.add_document(&request(2).document()).await.unwrap();
        let approved =
            PaymentRequest { decision: Some(Decision::Approve), decided_at: Some(NOW), ..request(1) };
        let decided = PaymentRequest::decide(&store, request(1).id, Decision::Approve, NOW).await.unwrap();
        assert_eq!(decided.as_ref(), Some(&approved));
        for decision in [Decision::Decline, Decision::Approve] {
            let decided = PaymentRequest::decide(&store, request(1).id, decision, later).await.unwrap();
            assert_eq!(decided.as_ref(), Some(&approved));
        }
        assert_eq!(PaymentRequest::find(&store, request(1).id).await.unwrap(), Some(approved));
        assert_eq!(PaymentRequest::find(&store, request(2).id).await.unwrap(), Some(request(2)));
        let unknown = PaymentRequest::decide(&store, request(3).id, Decision::Approve, NOW).await.unwrap();
        assert_eq!(unknown, None);
    }

    #[tokio::test]
    async fn an_expired_payment_request_is_not_decided() {
        let (store, _folder) = store();
        store.add_document(&request(1).document()).await.unwrap();
        let expiry = request(1).expires_at;
        let decided = PaymentRequest::decide(&store, request(1).id, Decision::Approve, expiry).await.unwrap();
        assert_eq!(decided, Some(request(1)));
        let before = expiry.before(Duration::from_millis(1));
        let decided = PaymentRequest::decide(&store, request(1).id, Decision::Decline, before).await.unwrap();
        assert_eq!(decided.unwrap().decision, Some(Decision::Decline));
    }
}
