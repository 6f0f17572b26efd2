//! What `fuzz/` reaches of this room's inside.

use super::framing::Framing;

/// Says whether the first head of a connection is found to have two lengths, when its bytes come in these pieces.
pub fn has_both_lengths<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let mut framing = Framing::new();
    pieces.into_iter().any(|piece| framing.feed(piece))
}
