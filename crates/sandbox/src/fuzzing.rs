//! What `fuzz/` reaches of this crate's inside.

use http::HeaderMap;
use tollgate_core::{Environment, MerchantId};

use crate::idempotency::IdempotencyKey;

/// The key of a request.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, String> {
    match IdempotencyKey::of(headers) {
        Ok(key) => Ok(key.map(|key| key.scoped(MerchantId::from_bytes([0; 16]), Environment::Test, "").key)),
        Err(problem) => Err(problem.message),
    }
}
