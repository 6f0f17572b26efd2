//! What the Payment API takes as the body of a request.

use http::HeaderMap;
use tollgate_core::wire::Code;
use tollgate_http::Media;

use crate::error::Error;

/// The longest body that is read: 64 KiB.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// Refuses every body that is not JSON.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Error> {
    const JSON_ONLY: &str = Code::UnsupportedMediaType.message();
    Media::Json.require(headers).map_err(|why| Error::MediaType { why, expected: JSON_ONLY })
}

/// Refuses every body that is not a form.
pub(super) fn require_form(headers: &HeaderMap) -> Result<(), Error> {
    const FORM_ONLY: &str = "Send the body as Content-Type: application/x-www-form-urlencoded, in UTF-8.";
    Media::Form.require(headers).map_err(|why| Error::MediaType { why, expected: FORM_ONLY })
}
