//! What the API takes as the body of a request.

use http::HeaderMap;
use tollgate_http::Media;

use crate::error::Error;

/// The longest body that is read: 64 KiB.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// What is told to callers that send other than JSON.
pub(crate) const JSON_ONLY: &str = "Send the body as Content-Type: application/json, in UTF-8.";

/// Refuses every body that is not JSON.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Error> {
    match Media::of(headers) {
        Some(Media::Json) => Ok(()),
        Some(Media::Form) | None => Err(Error::MediaType { expected: JSON_ONLY }),
    }
}
