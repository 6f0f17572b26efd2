//! The texts of the document, which have `code` in backticks and paragraphs, and no other markup.

/// A part of a text: plain or code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) is_code: bool,
    pub(super) text: &'a str,
}

/// Returns the parts of a line.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let parts = text.split('`').enumerate().map(|(at, text)| Piece { is_code: at % 2 == 1, text });
    parts.filter(|piece| !piece.text.is_empty()).collect()
}

/// Returns the parts of each paragraph.
pub(super) fn paragraphs(text: &str) -> Vec<Vec<Piece<'_>>> {
    text.split("\n\n").map(pieces).filter(|paragraph| !paragraph.is_empty()).collect()
}

/// Escapes a text as the content of an element: quotes need no escape there, and examples are full of them.
pub(super) fn block(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_begins_no_element() {
        assert_eq!(block("a <b> && \"c\""), "a &lt;b&gt; &amp;&amp; \"c\"");
    }

    #[test]
    fn every_second_part_between_backticks_is_code() {
        let texts =
            |text| pieces(text).into_iter().map(|piece| (piece.is_code, piece.text)).collect::<Vec<_>>();
        assert_eq!(texts("`a`: b `c`."), [(true, "a"), (false, ": b "), (true, "c"), (false, ".")]);
        assert_eq!(texts(""), []);
        assert_eq!(paragraphs("a\n\nb").len(), 2);
    }
}
