//! Limits on the bodies of requests to the Payment API.

use http::HeaderMap;
use tollgate_http::Media;

use crate::error::Error;

/// The longest body that is read: 64 KiB.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// Refuses every body of another media type.
pub(super) fn require(media: Media, headers: &HeaderMap) -> Result<(), Error> {
    media.require(headers).map_err(|why| Error::MediaType { why, expected: media.asked_for() })
}
