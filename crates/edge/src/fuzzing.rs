//! Internal functions of this crate for the targets in `fuzz/`.

use crate::framing::Framing;

/// Returns how many bytes of a connection, read in these pieces, a parser of HTTP may see.
pub fn visible<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> usize {
    let mut framing = Framing::new();
    let mut seen = 0;
    for piece in pieces {
        match framing.read(piece) {
            Ok(()) => seen += piece.len(),
            Err(refused) => return seen + refused.before,
        }
    }
    seen
}
