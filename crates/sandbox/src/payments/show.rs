//! `GET /api/v1/payment-requests` and `GET /api/v1/payment-requests/{id}`: a merchant's own payment requests.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use tollgate_guard::Principal;

use crate::error::Error;
use crate::host::Host;
use crate::payments::answer::{answer, success};
use crate::payments::listing::{Cursor, Listing};
use crate::payments::merchant::{Purpose, whose};
use crate::payments::payment_in_path::PaymentInPath;
use crate::payments::reading::Reading;
use crate::payments::record::PaymentRequest;
use crate::payments::view::PaymentView;

#[derive(Serialize)]
struct Page<'a> {
    items: Vec<PaymentView<'a>>,
    /// Where the next page begins; `null` on the last.
    next_cursor: Option<String>,
}

pub(super) async fn list(
    State(host): State<Arc<Host>>,
    Extension(principal): Extension<Principal>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let listing = Listing::read(query.as_deref().unwrap_or_default())?;
    let merchant = whose(&host, &principal, listing.merchant_id, Purpose::Read).await?;
    let after = listing.cursor.map(|cursor| (cursor.created_at, cursor.id));
    let limit = u32::from(listing.limit);
    // One more than is shown tells whether there is another page.
    let mut found =
        PaymentRequest::list(host.store(), merchant, principal.environment(), after, limit + 1).await?;
    let more = found.len() > usize::from(listing.limit);
    found.truncate(usize::from(listing.limit));
    let last = found.last().filter(|_| more);
    let next_cursor = last.map(|last| Cursor { created_at: last.created_at, id: last.id }.encode());
    let now = host.now();
    let stored: Vec<Reading> =
        found.iter().map(|request| Reading::read(&host, request, now)).collect::<Result<_, _>>()?;
    let items = found.iter().zip(&stored).map(|(request, stored)| stored.view(request)).collect();
    Ok(answer(StatusCode::OK, success(&Page { items, next_cursor })))
}

pub(super) async fn one(
    State(host): State<Arc<Host>>,
    Extension(principal): Extension<Principal>,
    PaymentInPath(id): PaymentInPath,
) -> Result<Response, Error> {
    let request = PaymentRequest::find(host.store(), id)
        .await?
        .filter(|request| principal.merchant_id().is_none_or(|own| own == request.merchant_id))
        .filter(|request| request.environment == principal.environment())
        .ok_or(Error::PaymentRequestNotFound)?;
    let stored = Reading::read(&host, &request, host.now())?;
    Ok(answer(StatusCode::OK, success(&stored.view(&request))))
}
