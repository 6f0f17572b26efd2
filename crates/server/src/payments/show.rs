//! `GET /api/v1/payment-requests` and `GET /api/v1/payment-requests/{id}`: a merchant's own payment requests.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use tollgate_guard::Principal;

use crate::error::Error;
use crate::installation::Installation;
use crate::payments::listing::{Cursor, Listing};
use crate::payments::named::Named;
use crate::payments::record::PaymentRequest;
use crate::payments::stored::Stored;
use crate::payments::view::PaymentView;
use crate::payments::{Purpose, answer, success, whose};

#[derive(Serialize)]
struct Page<'a> {
    items: Vec<PaymentView<'a>>,
    /// Where the next page begins; `null` on the last.
    next_cursor: Option<String>,
}

pub(super) async fn list(
    State(installation): State<Arc<Installation>>,
    Extension(principal): Extension<Principal>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let listing = Listing::read(query.as_deref().unwrap_or_default())?;
    let merchant = whose(&installation, &principal, listing.merchant_id, Purpose::Read).await?;
    let after = listing.cursor.map(|cursor| (cursor.created_at, cursor.id));
    let limit = u32::from(listing.limit);
    // One more than is shown tells whether there is another page.
    let mut found =
        PaymentRequest::list(installation.store(), merchant, principal.environment(), after, limit + 1)
            .await?;
    let more = found.len() > usize::from(listing.limit);
    found.truncate(usize::from(listing.limit));
    let last = found.last().filter(|_| more);
    let next_cursor = last.map(|last| Cursor { created_at: last.created_at, id: last.id }.encode());
    let now = installation.now();
    let stored: Vec<Stored> =
        found.iter().map(|request| Stored::read(&installation, request, now)).collect::<Result<_, _>>()?;
    let items = found.iter().zip(&stored).map(|(request, stored)| stored.view(request)).collect();
    Ok(answer(StatusCode::OK, success(&Page { items, next_cursor })))
}

pub(super) async fn one(
    State(installation): State<Arc<Installation>>,
    Extension(principal): Extension<Principal>,
    Named(id): Named,
) -> Result<Response, Error> {
    let request = PaymentRequest::find(installation.store(), id)
        .await?
        .filter(|request| principal.merchant_id().is_none_or(|own| own == request.merchant_id))
        .filter(|request| request.environment == principal.environment())
        .ok_or(Error::PaymentRequestNotFound)?;
    let stored = Stored::read(&installation, &request, installation.now())?;
    Ok(answer(StatusCode::OK, success(&stored.view(&request))))
}
