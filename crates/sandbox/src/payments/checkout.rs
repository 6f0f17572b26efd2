//! `GET` and `POST /pay/{id}`: the page behind a `redirect_url`, where a person approves or declines.
//!
//! A client that asks for HTML gets pages, errors included; another client gets the envelope for errors.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use tollgate_core::{PaymentRequestId, Timestamp};
use tollgate_http::{Media, read_body};

use crate::error::Error;
use crate::host::Host;
use crate::payments::decision::{Decision, Status};
use crate::payments::page::{Checkout, Page, next, render};
use crate::payments::payment_in_path::PaymentInPath;
use crate::payments::reading::Reading;
use crate::payments::record::PaymentRequest;
use crate::payments::request::{MAX_BODY, require};
use tollgate_http::pages::wants_html;

pub(super) async fn get(
    State(host): State<Arc<Host>>,
    named: Result<PaymentInPath, Error>,
    headers: HeaderMap,
) -> Response {
    let now = host.now();
    let shown = async {
        let request = find(&host, named?).await?;
        show(&host, &request, &headers, now).await
    };
    shown.await.unwrap_or_else(|error| refuse(error, &headers))
}

pub(super) async fn post(
    State(host): State<Arc<Host>>,
    named: Result<PaymentInPath, Error>,
    request: Request,
) -> Response {
    let now = host.now();
    let (head, body) = request.into_parts();
    let decided = async {
        require(Media::Form, &head.headers)?;
        let body = read_body(body, MAX_BODY, host.settings().body_timeout).await?;
        let decision = Decision::read(&body)?;
        let id = find(&host, named?).await?.id;
        decide(&host, id, decision, &head.headers, now).await
    };
    decided.await.unwrap_or_else(|error| refuse(error, &head.headers))
}

async fn find(host: &Host, PaymentInPath(id): PaymentInPath) -> Result<PaymentRequest, Error> {
    PaymentRequest::find(host.store(), id).await?.ok_or(Error::PaymentRequestNotFound)
}

/// Records the decision. The same decision again leads to the same place; a different one is refused.
async fn decide(
    host: &Host,
    id: PaymentRequestId,
    decision: Decision,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Response, Error> {
    let wanted = match decision {
        Decision::Approve => Status::Approved,
        Decision::Decline => Status::Declined,
    };
    let request = PaymentRequest::decide(host.store(), id, decision, now).await?;
    let request = request.ok_or(Error::PaymentRequestNotFound)?;
    let stored = Reading::read(host, &request, now)?;
    if stored.status != wanted {
        return already(host, &request, &stored, decision, headers, now).await;
    }
    Ok(match next(stored.status, &stored.payment) {
        Some(url) => see_other(url.as_str()),
        None => see_other(&format!("/pay/{id}")),
    })
}

/// Shows that the payment was decided differently before, or that it is too late to decide, so that `wanted` has had no effect.
async fn already(
    host: &Host,
    request: &PaymentRequest,
    stored: &Reading,
    wanted: Decision,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Response, Error> {
    let expired = stored.status == Status::Expired;
    if !wants_html(headers) {
        return Err(if expired { Error::PageExpired } else { Error::Decided });
    }
    let mut page = shown(host, request, stored, Some(wanted), now).await?;
    if !expired {
        *page.status_mut() = StatusCode::CONFLICT;
    }
    Ok(page)
}

/// Redirects by 303 to where the person goes next. The decision must not be seen by others who share a cache.
fn see_other(url: &str) -> Response {
    let location = HeaderValue::try_from(url).expect("a redirect URL is visible ASCII");
    let headers = [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

async fn show(
    host: &Host,
    request: &PaymentRequest,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Response, Error> {
    let stored = Reading::read(host, request, now)?;
    if !wants_html(headers) {
        match stored.status {
            Status::Expired => return Err(Error::PageExpired),
            Status::Pending | Status::Approved | Status::Declined => {}
        }
    }
    shown(host, request, &stored, None, now).await
}

async fn shown(
    host: &Host,
    request: &PaymentRequest,
    stored: &Reading,
    too_late: Option<Decision>,
    now: Timestamp,
) -> Result<Response, Error> {
    let merchant = host.store().merchant(request.merchant_id).await?.ok_or(Error::PaymentRequestNotFound)?;
    Ok(page(&Page::Payment(Checkout {
        merchant: &merchant.name,
        payment: &stored.payment,
        status: stored.status,
        expires_at: request.expires_at,
        now,
        too_late,
    })))
}

fn refuse(error: Error, headers: &HeaderMap) -> Response {
    if !wants_html(headers) {
        return error.into_response();
    }
    let shown = match &error {
        Error::PaymentRequestNotFound => Page::NotFound,
        Error::Store(_) | Error::Internal(_) => Page::Unavailable,
        _ => Page::Unclear,
    };
    let mut response = page(&shown);
    // The refusal is counted and logged like any other, and the status is the error's own.
    let refused = error.into_response();
    *response.status_mut() = refused.status();
    response.extensions_mut().extend(refused.into_parts().0.extensions);
    response
}

fn page(page: &Page<'_>) -> Response {
    render(page).into_response()
}
