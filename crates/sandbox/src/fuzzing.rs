//! Internal functions of this crate for the targets in `fuzz/`.

use http::HeaderMap;
use tollgate_http::IdempotencyKey;

/// Returns the idempotency key of a request, or the problem with it.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, String> {
    match IdempotencyKey::of(headers) {
        Ok(key) => Ok(key.map(String::from)),
        Err(problem) => Err(problem.message),
    }
}
