//! Internal functions of this crate for the targets in `fuzz/`.

use crate::claims::{Claims, Form};

/// Reads the claims of a token and writes them again.
pub fn rewritten_claims(payload: &[u8]) -> Option<Vec<u8>> {
    [Form::Published, Form::AccessTokenProfile].into_iter().find_map(|form| {
        let mut written = Vec::new();
        Claims::read(payload, form)?.write(form, &mut written);
        Some(written)
    })
}
