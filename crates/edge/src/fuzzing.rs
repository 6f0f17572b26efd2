//! What `fuzz/` reaches of this crate's inside.

use crate::framing::Framing;

/// How many bytes of a connection, read in these pieces, may be seen by a parser of HTTP.
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
