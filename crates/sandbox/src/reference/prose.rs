//! The texts of the document, which have `code` between backticks and paragraphs, and no other markup.

/// A part of a text: plain or code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) is_code: bool,
    pub(super) text: &'a str,
}

/// The parts of a line.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let parts = text.split('`').enumerate().map(|(at, text)| Piece { is_code: at % 2 == 1, text });
    parts.filter(|piece| !piece.text.is_empty()).collect()
}

/// The parts of each paragraph.
pub(super) fn paragraphs(text: &str) -> Vec<Vec<Piece<'_>>> {
    text.split("\n\n").map(pieces).filter(|paragraph| !paragraph.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_part_between_backticks_is_code() {
        let texts =
            |text| pieces(text).into_iter().map(|piece| (piece.is_code, piece.text)).collect::<Vec<_>>();
        assert_eq!(texts("`a`: b `c`."), [(true, "a"), (false, ": b "), (true, "c"), (false, ".")]);
        assert_eq!(texts(""), []);
        assert_eq!(paragraphs("a\n\nb").len(), 2);
    }
}
