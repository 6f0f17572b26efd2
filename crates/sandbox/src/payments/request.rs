//! What the Payment API takes as the body of a request.

use http::HeaderMap;
use tollgate_http::Media;

use crate::error::Error;

/// The longest body that is read: 64 KiB.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// Refuses every body that is not JSON.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Error> {
    if Media::of(headers) == Some(Media::Json) { Ok(()) } else { Err(Error::MediaType) }
}
