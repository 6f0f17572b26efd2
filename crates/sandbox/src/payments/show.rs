//! `GET /api/v1/payment-requests` and `GET /api/v1/payment-requests/{id}`: a merchant's own payment requests.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use tollgate_core::{Environment, MerchantId};
use tollgate_guard::Principal;

use crate::error::Error;
use crate::host::Host;
use crate::payments::answer::{answer, success};
use crate::payments::listing::{Cursor, Filter, Listing};
use crate::payments::merchant::{Purpose, whose};
use crate::payments::payment_in_path::PaymentInPath;
use crate::payments::reading::Reading;
use crate::payments::record::PaymentRequest;
use crate::payments::view::PaymentView;

#[derive(Serialize)]
struct Page<'a> {
    items: Vec<PaymentView<'a>>,
    /// The cursor of the next page; `null` on the last.
    next_cursor: Option<String>,
}

pub(super) async fn list(
    State(host): State<Arc<Host>>,
    Extension(principal): Extension<Principal>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let listing = Listing::read(query.as_deref().unwrap_or_default())?;
    let merchant = whose(&host, &principal, listing.merchant_id, Purpose::Read).await?;
    let (found, next) = look_for(&host, merchant, principal.environment(), &listing).await?;
    let items = found.iter().map(|(request, stored)| stored.view(request)).collect();
    Ok(answer(StatusCode::OK, success(&Page { items, next_cursor: next.map(|next| next.encode()) })))
}

/// How many payment requests one call examines, if few pass the filter.
const LOOKED_AT: u32 = 1_000;

/// Returns a page of payment requests that pass the filter, and the cursor of the next page.
async fn look_for(
    host: &Host,
    merchant: MerchantId,
    environment: Environment,
    listing: &Listing,
) -> Result<(Vec<(PaymentRequest, Reading)>, Option<Cursor>), Error> {
    let now = host.now();
    let looked_at = match listing.filter {
        Filter { order_id: None, payment_reference: None, status: None } => u32::from(listing.limit),
        _ => LOOKED_AT,
    };
    let after = listing.cursor.map(|cursor| (cursor.created_at, cursor.id));
    // One more than the page has tells whether there is another page.
    let mut found =
        PaymentRequest::list(host.store(), merchant, environment, after, looked_at + 1).await?.into_iter();
    let mut last = None;
    let mut page = Vec::new();
    for request in found.by_ref().take(looked_at as usize) {
        last = Some(Cursor { created_at: request.created_at, id: request.id });
        let stored = Reading::read(host, &request, now)?;
        if listing.filter.takes(&stored) {
            page.push((request, stored));
        }
        if page.len() == usize::from(listing.limit) {
            break;
        }
    }
    Ok((page, last.filter(|_| found.len() > 0)))
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
