//! A payment request that was read from the store.

use tollgate_core::Timestamp;
use tollgate_store::StoreError;

use crate::error::Error;
use crate::host::Host;
use crate::payments::answer::redirect_url;
use crate::payments::decision::Status;
use crate::payments::record::PaymentRequest;
use crate::payments::stored_payment::StoredPayment;
use crate::payments::view::PaymentView;

/// The payment, its status, and the address of its page.
pub(super) struct Reading {
    pub(super) payment: StoredPayment,
    pub(super) status: Status,
    redirect_url: String,
}

impl Reading {
    /// Reads a record at `now`.
    pub(super) fn read(host: &Host, request: &PaymentRequest, now: Timestamp) -> Result<Self, Error> {
        let payment = serde_json::from_str(&request.details).map_err(|error| {
            StoreError::Corrupt(format!("payment request {} can't be read: {error}", request.id))
        })?;
        let status = Status::at(now, request.expires_at, request.decision);
        Ok(Self { payment, status, redirect_url: redirect_url(host.settings(), request.id) })
    }

    /// Returns the view for its merchant.
    pub(super) fn view(&self, request: &PaymentRequest) -> PaymentView<'_> {
        PaymentView {
            id: request.id,
            merchant_id: request.merchant_id,
            environment: request.environment,
            status: self.status,
            payment: &self.payment,
            redirect_url: &self.redirect_url,
            created_at: request.created_at,
            expires_at: request.expires_at,
            decided_at: request.decided_at,
        }
    }
}
