//! What `fuzz/` reaches of this crate's inside.

use crate::claims::Claims;

/// Reads the claims of a token and writes them again.
pub fn rewritten_claims(payload: &[u8]) -> Option<Vec<u8>> {
    let mut written = Vec::new();
    Claims::read(payload)?.write(&mut written);
    Some(written)
}
