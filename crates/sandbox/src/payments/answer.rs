//! Answers of the Payment API.

use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tollgate_core::PaymentRequestId;

use crate::host::Settings;

/// Returns the URL of the page of a payment request.
pub(super) fn redirect_url(settings: &Settings, id: PaymentRequestId) -> String {
    format!("{}/pay/{id}", settings.public_url)
}

/// Returns the body of a success, in the envelope.
pub(super) fn success(data: &impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        success: bool,
        data: &'a T,
    }
    serde_json::to_vec(&Envelope { success: true, data }).expect("what is shown serialises")
}

pub(super) fn answer(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(axum::body::Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
