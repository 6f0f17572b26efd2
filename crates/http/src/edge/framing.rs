//! Finds requests that say the length of their body twice.

use memchr::memchr;

/// The longest start of an unfinished line that is kept for the next read.
const KEPT: usize = 64;
/// The same of a line that may tell a length: all of it, because a number that is cut off would be another one. No head
/// is longer.
const KEPT_OF_LENGTH: usize = 16 * 1024;

/// Follows the bytes of an HTTP/1.1 connection from head to head and reports a head with both
/// `Content-Length` and `Transfer-Encoding`.
///
/// Such a request is how smuggling is tried (RFC 9112 §6.3, §11.2). hyper removes the `Content-Length` before
/// anybody sees it, so it can only be found in the raw bytes. This decides nothing about framing, hyper does:
/// behind a chunked body, whose end it does not look for, it waits until the connection is idle. What it
/// misses there (a pipelined request) hyper still treats as the RFC allows, chunked and the last of its
/// connection.
#[derive(Debug)]
pub(super) struct Framing {
    position: Position,
    line: Vec<u8>,
}

#[derive(Debug)]
enum Position {
    Head(Head),
    Body(u64),
    Lost,
}

#[derive(Debug, Default)]
struct Head {
    past_request_line: bool,
    has_length: bool,
    length: u64,
    has_encoding: bool,
}

impl Framing {
    pub(super) fn new() -> Self {
        Self { position: Position::Head(Head::default()), line: Vec::new() }
    }

    /// Starts over at a head; to be called when bytes come while no request is under way.
    pub(super) fn resume(&mut self) {
        if matches!(self.position, Position::Lost) {
            *self = Self::new();
        }
    }

    /// Takes the next bytes of the connection; `true` when a head among them has both lengths.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match &mut self.position {
                Position::Lost => return false,
                Position::Body(left) => {
                    let skipped = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    bytes = &bytes[skipped..];
                    *left -= skipped as u64;
                    if *left == 0 {
                        self.position = Position::Head(Head::default());
                    }
                }
                Position::Head(head) => {
                    let Some(end) = memchr(b'\n', bytes) else {
                        keep(&mut self.line, bytes);
                        return false;
                    };
                    let ended = if self.line.is_empty() {
                        head.line(&bytes[..end])
                    } else {
                        keep(&mut self.line, &bytes[..end]);
                        head.line(&self.line)
                    };
                    self.line.clear();
                    self.line.shrink_to(KEPT);
                    bytes = &bytes[end + 1..];
                    if ended && self.end_of_head() {
                        return true;
                    }
                }
            }
        }
        false
    }

    fn end_of_head(&mut self) -> bool {
        let Position::Head(head) = &self.position else { return false };
        let both = head.has_length && head.has_encoding;
        self.position = match head.length {
            _ if head.has_encoding => Position::Lost,
            0 => Position::Head(Head::default()),
            length => Position::Body(length),
        };
        both
    }
}

impl Head {
    /// Takes one line without its line feed; `true` when it is the empty one that ends the head.
    fn line(&mut self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return self.past_request_line;
        }
        if !self.past_request_line {
            self.past_request_line = true;
        } else if may_tell_length(line) {
            self.header(line);
        }
        false
    }

    fn header(&mut self, line: &[u8]) {
        let Some(colon) = memchr(b':', line) else { return };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.has_encoding = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.has_length = true;
            let value = std::str::from_utf8(value).unwrap_or_default();
            // A value that is no number is refused by hyper; nothing comes behind it.
            self.length = value.trim().parse().unwrap_or(0);
        }
    }
}

/// `Content-Length` and `Transfer-Encoding` begin like this.
fn may_tell_length(line: &[u8]) -> bool {
    matches!(line, [b'c' | b'C' | b't' | b'T', ..])
}

fn keep(line: &mut Vec<u8>, bytes: &[u8]) {
    let most =
        if may_tell_length(if line.is_empty() { bytes } else { line }) { KEPT_OF_LENGTH } else { KEPT };
    let room = most.saturating_sub(line.len());
    line.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::Framing;

    const BOTH: &[u8] =
        b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 4\r\nTransfer-Encoding: chunked\r\n\r\n";
    const LENGTH: &[u8] =
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 29\r\n\r\nTransfer-Encoding: chunked\r\n\r\n";
    const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";

    #[test]
    fn both_lengths_are_found_wherever_the_bytes_are_cut() {
        for cut in 0..BOTH.len() {
            let mut framing = Framing::new();
            assert!(framing.feed(&BOTH[..cut]) | framing.feed(&BOTH[cut..]), "cut at {cut}");
        }
    }

    #[test]
    fn both_lengths_are_found_behind_pipelined_requests() {
        let bytes = [b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", LENGTH, BOTH].concat();
        for cut in 0..bytes.len() {
            let mut framing = Framing::new();
            assert!(framing.feed(&bytes[..cut]) | framing.feed(&bytes[cut..]), "cut at {cut}");
        }
    }

    #[test]
    fn one_length_and_bodies_that_look_like_heads_are_left_alone() {
        let mut framing = Framing::new();
        assert!(!framing.feed(&[LENGTH, LENGTH, CHUNKED].concat()));
        framing.resume();
        assert!(!framing.feed(CHUNKED));
        framing.resume();
        assert!(framing.feed(BOTH));
    }

    #[test]
    fn a_length_behind_many_spaces_counts_wherever_the_bytes_are_cut() {
        let padded =
            [b"POST / HTTP/1.1\r\nContent-Length:".as_slice(), &[b' '; 100], b"4\r\n\r\nabc\n"].concat();
        let bytes = [&padded, BOTH].concat();
        for cut in 0..bytes.len() {
            let mut framing = Framing::new();
            assert!(framing.feed(&bytes[..cut]) | framing.feed(&bytes[cut..]), "cut at {cut}");
        }
    }

    #[test]
    fn a_long_line_is_not_kept() {
        for (byte, most) in [(b'a', super::KEPT), (b'c', super::KEPT_OF_LENGTH)] {
            let mut framing = Framing::new();
            for _ in 0..1000 {
                assert!(!framing.feed(&[byte; 100]));
            }
            assert!(framing.line.len() <= most);
            framing.feed(b"\n");
            assert!(framing.line.capacity() <= super::KEPT);
        }
    }
}
