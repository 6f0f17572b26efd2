//! Finds heads that give the length of their body twice, by `Content-Length` and by `Transfer-Encoding`.

use std::ops::Range;

use memchr::memchr;

/// Reads along with hyper and finds every block of lines that has both lengths.
///
/// Such a head is how request smuggling is tried (RFC 9112 §6.3, §11.2). hyper goes by `Transfer-Encoding` and removes
/// `Content-Length` before anybody sees it, so it can only be found in the raw bytes.
///
/// It takes no view of where a head or a body begins, in which it could differ from hyper. It relies on two things alone
/// that hold for every head hyper accepts: a header line begins behind a line feed, and an empty line ends the head. So
/// no length, chunk or cut can lead it past a head; in return a body can hold such a block too, and whether one was a
/// head is decided by the caller.
#[derive(Debug)]
pub(super) struct Framing {
    line: Line,
    has_length: bool,
    has_encoding: bool,
}

/// What has come of the current line.
#[derive(Clone, Copy, Debug)]
enum Line {
    Nothing,
    CarriageReturn,
    /// The first bytes of a name that matters.
    Name(Name, usize),
    /// Something of no interest.
    Other,
}

#[derive(Clone, Copy, Debug)]
enum Name {
    ContentLength,
    TransferEncoding,
}

impl Name {
    const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::ContentLength => b"content-length",
            Self::TransferEncoding => b"transfer-encoding",
        }
    }
}

impl Framing {
    pub(super) const fn new() -> Self {
        Self { line: Line::Nothing, has_length: false, has_encoding: false }
    }

    /// Reads the next bytes of the connection up to the end of the first block that has both lengths, and says where
    /// that is in them. The block begins at 0 also if it began in bytes before these.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        let (mut begin, mut at) = (0, 0);
        while at < bytes.len() {
            if matches!(self.line, Line::Nothing) {
                self.line = self.glance(&bytes[at..]);
            }
            if matches!(self.line, Line::Other) {
                at += memchr(b'\n', &bytes[at..])? + 1;
                self.line = Line::Nothing;
                continue;
            }
            let is_empty_line = self.step(bytes[at]);
            at += 1;
            if is_empty_line {
                let both = self.has_length && self.has_encoding;
                *self = Self::new();
                if both {
                    return Some(begin..at);
                }
                begin = at;
            }
        }
        None
    }

    /// Decides about a line by its first bytes, if there are enough of them.
    fn glance(&mut self, line: &[u8]) -> Line {
        let name = match line[0] {
            b'c' | b'C' => Name::ContentLength,
            b't' | b'T' => Name::TransferEncoding,
            b'\r' | b'\n' => return Line::Nothing,
            _ => return Line::Other,
        };
        let expected = name.as_bytes();
        match line.split_at_checked(expected.len()) {
            Some((begin, [b':', ..])) if begin.eq_ignore_ascii_case(expected) => self.note(name),
            Some((_, [_, ..])) => Line::Other,
            Some((_, [])) | None => Line::Nothing,
        }
    }

    /// Takes a byte at the beginning of a line; `true` when it ends an empty line.
    fn step(&mut self, byte: u8) -> bool {
        self.line = match (self.line, byte) {
            (Line::Nothing | Line::CarriageReturn, b'\n') => return true,
            (_, b'\n') => Line::Nothing,
            (Line::Nothing, b'\r') => Line::CarriageReturn,
            (Line::Nothing, b'c' | b'C') => Line::Name(Name::ContentLength, 1),
            (Line::Nothing, b't' | b'T') => Line::Name(Name::TransferEncoding, 1),
            (Line::Name(name, matched), byte) => match name.as_bytes().get(matched) {
                Some(next) if byte.eq_ignore_ascii_case(next) => Line::Name(name, matched + 1),
                None if byte == b':' => self.note(name),
                _ => Line::Other,
            },
            (Line::Nothing | Line::CarriageReturn | Line::Other, _) => Line::Other,
        };
        false
    }

    fn note(&mut self, name: Name) -> Line {
        match name {
            Name::ContentLength => self.has_length = true,
            Name::TransferEncoding => self.has_encoding = true,
        }
        Line::Other
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Framing;

    const BOTH: &[u8] =
        b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 4\r\nTransfer-Encoding: chunked\r\n\r\n";
    const LENGTH: &[u8] = b"POST / HTTP/1.1\r\nContent-Type: a\r\nContent-Length: 9\r\n\r\n";
    const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";

    #[test]
    fn a_block_with_both_lengths_is_found_wherever_the_bytes_are_cut() {
        for first in
            [&b""[..], b"\r\n", b"GET / HTTP/1.1\nHost: a\n\n", CHUNKED, &[LENGTH, b"nine more"].concat()]
        {
            let bytes = [first, BOTH, CHUNKED].concat();
            for cut in 0..=bytes.len() {
                let mut framing = Framing::new();
                let found = framing
                    .find(&bytes[..cut])
                    .map(|found| found.end)
                    .or_else(|| framing.find(&bytes[cut..]).map(|found| cut + found.end));
                assert_eq!(found, Some(first.len() + BOTH.len()), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_block_begins_behind_the_empty_line_before_it() {
        let mut framing = Framing::new();
        let bytes = [LENGTH, CHUNKED, BOTH, BOTH].concat();
        let begin = LENGTH.len() + CHUNKED.len();
        assert_eq!(framing.find(&bytes), Some(begin..begin + BOTH.len()));
        assert_eq!(framing.find(&bytes[begin + BOTH.len()..]), Some(0..BOTH.len()));
    }

    #[test]
    fn spaces_and_long_lines_hide_nothing() {
        for space in ["", " ", "\t", &" ".repeat(1_000)] {
            for between in ["", "X: y\n", &format!("X: {}\r\n", "y".repeat(1_000))] {
                let block = format!(
                    "POST / HTTP/1.1\r\nContent-Length:{space}4\r\n{between}TRANSFER-ENCODING:{space}chunked\r\n\r\n"
                );
                assert_eq!(Framing::new().find(block.as_bytes()), Some(0..block.len()), "{block:?}");
            }
        }
    }

    #[test]
    fn one_length_and_names_that_only_begin_alike_are_left_alone() {
        let alike = b"POST / HTTP/1.1\r\nContent-Lengths: 4\r\nContent-Lengt: 4\r\nX-Content-Length: 4\r\n\
                      Transfer-Encoding: chunked\r\n\r\n";
        for block in [LENGTH, CHUNKED, alike] {
            assert_eq!(Framing::new().find(&block.repeat(2)), None, "{}", String::from_utf8_lossy(block));
        }
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            parts in prop::collection::vec(prop_oneof![
                Just(BOTH), Just(LENGTH), Just(CHUNKED), Just(&b"\r"[..]), Just(&b"\n"[..]), Just(&b"x"[..]),
                Just(&b"Content-Length:"[..]), Just(&b"transfer-encoding:"[..]),
            ], 0..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let bytes = parts.concat();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let mut framing = Framing::new();
            let in_pieces = cuts.windows(2).find_map(|cut| {
                framing.find(&bytes[cut[0]..cut[1]]).map(|found| cut[0] + found.end)
            });
            prop_assert_eq!(in_pieces, Framing::new().find(&bytes).map(|found| found.end));
        }
    }
}
