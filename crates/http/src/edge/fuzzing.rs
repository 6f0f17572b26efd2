//! What `fuzz/` reaches of this room's inside.

use super::framing::Framing;

/// Whether a block with two lengths is found in these pieces of a connection, read one after the other.
pub fn has_both_lengths<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let mut framing = Framing::new();
    pieces.into_iter().any(|piece| framing.find(piece).is_some())
}
