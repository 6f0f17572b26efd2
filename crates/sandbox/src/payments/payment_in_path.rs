//! The payment request that a path names.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use tollgate_core::PaymentRequestId;

use crate::error::Error;

/// The id in a path. A text that is not an id, or not even UTF-8, names a payment request that does not exist.
pub(super) struct PaymentInPath(pub(super) PaymentRequestId);

impl<S: Send + Sync> FromRequestParts<S> for PaymentInPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(id) = path.map_err(|_| Error::PaymentRequestNotFound)?;
        id.parse().map(Self).map_err(|_| Error::PaymentRequestNotFound)
    }
}
