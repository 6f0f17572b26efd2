//! What `fuzz/` reaches of this crate's inside.

use http::HeaderMap;
use tollgate_http::IdempotencyKey;

/// The key of a request.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, String> {
    match IdempotencyKey::of(headers) {
        Ok(key) => Ok(key.map(String::from)),
        Err(problem) => Err(problem.message),
    }
}
