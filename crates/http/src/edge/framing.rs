//! The framing of HTTP/1.1, read strictly and before hyper reads it.
//!
//! What a proxy in front of the edge and hyper could read differently is refused: that is how request smuggling is tried
//! (RFC 9112 §11.2). hyper takes more than has one reading, and hides what it took. So the bytes of a connection pass
//! through here first, and hyper sees only what has passed: of these it makes the same messages, whatever it would take
//! beside them.

use memchr::memchr;

use super::chunks::Chunks;

/// Where the reader is in the messages of a connection. It keeps no bytes, so it doesn't matter how they are cut.
#[derive(Debug)]
pub(super) struct Framing {
    at: At,
    /// Whether the last byte of a line that isn't complete is a carriage return.
    carriage_return: bool,
    length: Option<u64>,
    is_chunked: bool,
}

#[derive(Clone, Copy, Debug)]
enum At {
    /// Before a request, where empty lines say nothing (RFC 9112 §2.2).
    Start,
    RequestLine,
    /// At the beginning of a header line.
    Line,
    /// Behind the carriage return of an empty line: the one that ends a head, or one before it.
    EmptyLine {
        ends_head: bool,
    },
    /// In what may become one of the names that matter: how much of it has come.
    Name(Name, usize),
    Length(Value<u64>),
    /// In the value of `Transfer-Encoding`: how much of the one coding that is understood has come.
    Coding(Value<usize>),
    /// In a header line of no interest.
    OtherLine,
    /// In a body that has this many bytes more.
    Sized(u64),
    Chunked(Chunks),
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

/// Where in a value the reader is. Spaces around it don't belong to it (RFC 9110 §5.5).
#[derive(Clone, Copy, Debug)]
enum Value<T> {
    Before,
    Within(T),
    After(T),
    CarriageReturn(T),
}

/// The longest body that a length can tell, in bytes: some of those who pass requests on count with a sign.
const LONGEST: u64 = i64::MAX as u64;
const CHUNKED: &[u8] = b"chunked";

/// Why a message is refused, and how much may be made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// How many of the bytes that were read last belong to what is not refused.
    pub(super) before: usize,
    pub(super) why: Fault,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// With its head: nothing can be made of the message.
    Head(&'static str),
    /// With the chunks of its body.
    Body,
}

const BARE_LINE_FEED: Fault = Fault::Head("A line of the request's head ends without a carriage return.");
const BARE_CARRIAGE_RETURN: Fault =
    Fault::Head("A line of the request's head begins with a carriage return.");
const FRAGMENT: Fault = Fault::Head("The target of the request has a fragment.");
const LENGTH_FAULT: Fault = Fault::Head("The Content-Length of the request is not one number below 2^63.");
const CODING: Fault = Fault::Head("The Transfer-Encoding of the request is not `chunked`, once and alone.");
const BOTH_LENGTHS: Fault = Fault::Head("The request has both Content-Length and Transfer-Encoding.");

impl Framing {
    pub(super) const fn new() -> Self {
        Self { at: At::Start, carriage_return: false, length: None, is_chunked: false }
    }

    /// Reads the next bytes of the connection.
    ///
    /// A message whose head is refused is not to be seen at all, so what is `before` a refusal ends where the message
    /// begins; of one whose body is refused everything up to the fault may be seen.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let (mut at, mut begin) = (0, 0);
        while at < bytes.len() {
            if matches!(self.at, At::Start) {
                begin = at;
            }
            at += match self.step(&bytes[at..]) {
                Ok(length) => length,
                Err(why @ Fault::Head(_)) => return Err(Refused { before: begin, why }),
                Err(why @ Fault::Body) => return Err(Refused { before: at, why }),
            };
        }
        Ok(())
    }

    /// Reads on from the first of these bytes, and says how many it has read. It may read none and be elsewhere.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let byte = bytes[0];
        self.at = match (self.at, byte) {
            (At::Sized(left), _) => return Ok(self.skip(left, bytes.len())),
            (At::Chunked(chunks), _) => return self.chunks(chunks, bytes),
            (At::OtherLine, _) => return self.line(bytes),
            (At::Length(value), _) => self.length(value, byte)?,
            (At::Coding(value), _) => self.coding(value, byte)?,
            (At::EmptyLine { ends_head: false }, b'\n') => At::Start,
            (At::EmptyLine { ends_head: true }, b'\n') => self.body()?,
            (At::EmptyLine { .. }, _) => return Err(BARE_CARRIAGE_RETURN),
            (At::Start | At::Line, b'\n') => return Err(BARE_LINE_FEED),
            (At::Start, b'\r') => At::EmptyLine { ends_head: false },
            (At::Line, b'\r') => At::EmptyLine { ends_head: true },
            (At::Start | At::RequestLine, _) => return self.request_line(bytes),
            (At::Line, b'c' | b'C') => At::Name(Name::ContentLength, 1),
            (At::Line, b't' | b'T') => At::Name(Name::TransferEncoding, 1),
            (At::Line, _) => At::OtherLine,
            (At::Name(name, matched), _) => match (name.as_bytes().get(matched), name) {
                (Some(next), _) if byte.eq_ignore_ascii_case(next) => At::Name(name, matched + 1),
                (None, Name::ContentLength) if byte == b':' => At::Length(Value::Before),
                (None, Name::TransferEncoding) if byte == b':' => At::Coding(Value::Before),
                _ => {
                    self.at = At::OtherLine;
                    return Ok(0);
                }
            },
        };
        Ok(1)
    }

    fn request_line(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        self.at = At::RequestLine;
        let length = self.line(bytes)?;
        // A server never sees the fragment of a target (RFC 9112 §3.2), and hyper removes it.
        if memchr(b'#', &bytes[..length]).is_some() { Err(FRAGMENT) } else { Ok(length) }
    }

    /// Reads to the end of a line, as far as it has come. It is over where hyper takes it to be over, at a line feed; a
    /// front end may take it for part of the line (RFC 9112 §2.2).
    fn line(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let Some(end) = memchr(b'\n', bytes) else {
            self.carriage_return = bytes.ends_with(b"\r");
            return Ok(bytes.len());
        };
        let carriage_return = if end == 0 { self.carriage_return } else { bytes[end - 1] == b'\r' };
        if !carriage_return {
            return Err(BARE_LINE_FEED);
        }
        self.carriage_return = false;
        self.at = At::Line;
        Ok(end + 1)
    }

    fn length(&mut self, value: Value<u64>, byte: u8) -> Result<At, Fault> {
        let value = match (value, byte) {
            (Value::Before, b' ' | b'\t') => Value::Before,
            (Value::Before, b'0'..=b'9') => Value::Within(u64::from(byte - b'0')),
            (Value::Within(length), b'0'..=b'9') => {
                let longer = length.checked_mul(10).and_then(|ten| ten.checked_add(u64::from(byte - b'0')));
                Value::Within(longer.filter(|longer| *longer <= LONGEST).ok_or(LENGTH_FAULT)?)
            }
            (Value::Within(length) | Value::After(length), b' ' | b'\t') => Value::After(length),
            (Value::Within(length) | Value::After(length), b'\r') => Value::CarriageReturn(length),
            (Value::CarriageReturn(length), b'\n') if self.length.is_none_or(|other| other == length) => {
                self.length = Some(length);
                return Ok(At::Line);
            }
            _ => return Err(LENGTH_FAULT),
        };
        Ok(At::Length(value))
    }

    /// A coding that is understood in another way by somebody else ends the body elsewhere: any other, a list (RFC 9112
    /// §6.1), a second line, and another spelling, which is the same only to those who read it as RFC 9110 §7 has it.
    fn coding(&mut self, value: Value<usize>, byte: u8) -> Result<At, Fault> {
        const ALL: usize = CHUNKED.len();
        let value = match (value, byte) {
            (Value::Before, b' ' | b'\t') => Value::Before,
            (Value::Before, b'c') => Value::Within(1),
            (Value::Within(ALL) | Value::After(ALL), b' ' | b'\t') => Value::After(ALL),
            (Value::Within(ALL) | Value::After(ALL), b'\r') => Value::CarriageReturn(ALL),
            (Value::Within(matched), byte) if CHUNKED.get(matched) == Some(&byte) => {
                Value::Within(matched + 1)
            }
            (Value::CarriageReturn(ALL), b'\n') if !self.is_chunked => {
                self.is_chunked = true;
                return Ok(At::Line);
            }
            _ => return Err(CODING),
        };
        Ok(At::Coding(value))
    }

    /// Decides what follows the head (RFC 9112 §6.3).
    fn body(&mut self) -> Result<At, Fault> {
        match (self.length.take(), std::mem::take(&mut self.is_chunked)) {
            (Some(_), true) => Err(BOTH_LENGTHS),
            (None, true) => Ok(At::Chunked(Chunks::new())),
            (None | Some(0), false) => Ok(At::Start),
            (Some(length), false) => Ok(At::Sized(length)),
        }
    }

    fn skip(&mut self, left: u64, have: usize) -> usize {
        let length = usize::try_from(left).map_or(have, |left| left.min(have));
        let left = left - length as u64;
        self.at = if left == 0 { At::Start } else { At::Sized(left) };
        length
    }

    fn chunks(&mut self, mut chunks: Chunks, bytes: &[u8]) -> Result<usize, Fault> {
        let Some(length) = chunks.read(bytes) else { return Err(Fault::Body) };
        self.at = if chunks.have_ended() { At::Start } else { At::Chunked(chunks) };
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LENGTH: &[u8] = b"POST / HTTP/1.1\r\nContent-Type: a\r\nContent-Length: 9\r\n\r\nnine more";
    const CHUNKED: &[u8] =
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"\\\"\"\r\n\r\n\r\n0\r\nX: y\r\n\r\n";
    const EMPTY: &[u8] = b"\r\nGET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    const BOTH: &[u8] =
        b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 4\r\nTransfer-Encoding: chunked\r\n\r\n";

    fn read(bytes: &[u8]) -> Result<(), Refused> {
        Framing::new().read(bytes)
    }

    fn head(lines: &str) -> Vec<u8> {
        format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n").into_bytes()
    }

    #[test]
    fn what_is_framed_in_one_way_passes() {
        let all = [LENGTH, CHUNKED, EMPTY, LENGTH].concat();
        for cut in 0..=all.len() {
            let mut framing = Framing::new();
            assert_eq!(framing.read(&all[..cut]), Ok(()), "cut at {cut}");
            assert_eq!(framing.read(&all[cut..]), Ok(()), "cut at {cut}");
            assert!(matches!(framing.at, At::Start));
        }
        for lines in [
            "Content-Length: 003",
            "Content-Length:\t42\t ",
            "Content-Length: 2\r\nContent-Length: 2",
            "Content-Length: 9223372036854775807",
            "content-LENGTH:5\r\nContent-Lengths: x\r\nContent-Lengt: x\r\nX-Content-Length: x",
            "transfer-ENCODING:  chunked \r\nTransfer-Encodings: x",
        ] {
            assert_eq!(read(&head(lines)), Ok(()), "{lines}");
        }
    }

    #[test]
    fn a_head_that_can_be_read_in_two_ways_is_not_seen_wherever_it_is_cut() {
        for (lines, why) in [
            ("Content-Length: 4\r\nTransfer-Encoding: chunked", BOTH_LENGTHS),
            ("Transfer-Encoding:chunked\r\nX: y\r\nCONTENT-LENGTH:4", BOTH_LENGTHS),
            ("Content-Length: 1\r\nContent-Length: 2", LENGTH_FAULT),
            ("Content-Length:", LENGTH_FAULT),
            ("Content-Length: 5, 5", LENGTH_FAULT),
            ("Content-Length: 4 2", LENGTH_FAULT),
            ("Content-Length: +4", LENGTH_FAULT),
            ("Content-Length: 0x4", LENGTH_FAULT),
            ("Content-Length: 4\r", LENGTH_FAULT),
            ("Content-Length: 9223372036854775808", LENGTH_FAULT),
            ("Content-Length: 18446744073709551615", LENGTH_FAULT),
            ("Content-Length: 184467440737095516160", LENGTH_FAULT),
            ("Transfer-Encoding:", CODING),
            ("Transfer-Encoding: gzip, chunked", CODING),
            ("Transfer-Encoding: chunked, chunked", CODING),
            ("Transfer-Encoding: ,chunked", CODING),
            ("Transfer-Encoding: chunked,", CODING),
            ("Transfer-Encoding: chunkedchunked", CODING),
            ("Transfer-Encoding: \"chunked\"", CODING),
            ("Transfer-Encoding: Chunked", CODING),
            ("Transfer-Encoding: chunked;q=1", CODING),
            ("Transfer-Encoding: \u{b}chunked", CODING),
            ("Transfer-Encoding: identity", CODING),
            ("Transfer-Encoding: chunked\r\nX: y\r\nTransfer-Encoding: chunked", CODING),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", CODING),
            ("X: y\nZ: z", BARE_LINE_FEED),
            ("X: y\n", BARE_LINE_FEED),
            ("\rX: y", BARE_CARRIAGE_RETURN),
        ] {
            let refused = head(lines);
            for before in [&b""[..], LENGTH, CHUNKED, EMPTY] {
                let bytes = [before, &refused, LENGTH].concat();
                for cut in 0..=before.len() + refused.len() {
                    let mut framing = Framing::new();
                    let seen = match framing.read(&bytes[..cut]) {
                        Ok(()) => {
                            framing.read(&bytes[cut..]).map_err(|Refused { before, why }| (cut + before, why))
                        }
                        Err(Refused { before, why }) => Err((before, why)),
                    };
                    // What was shown before the fault could be seen is half a head.
                    let seen_at_most = before.len().max(cut);
                    let (seen, fault) = seen.unwrap_err();
                    assert!(
                        fault == why && (before.len()..=seen_at_most).contains(&seen),
                        "{lines}, cut at {cut}: {seen}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_fragment_is_refused_and_elsewhere_it_is_none() {
        for line in ["GET /a#b HTTP/1.1", "GET /# HTTP/1.1", "GET http://a/b?c#d HTTP/1.1"] {
            let bytes = format!("{line}\r\nHost: a\r\n\r\n");
            assert_eq!(read(bytes.as_bytes()), Err(Refused { before: 0, why: FRAGMENT }));
        }
        assert_eq!(read(&head("X: #")), Ok(()));
    }

    #[test]
    fn chunks_that_can_be_read_in_two_ways_are_refused_where_they_begin_to_be() {
        for (chunks, seen) in [
            ("\r\n", 0),
            ("x", 0),
            ("-1\r\n", 0),
            ("2 \r\nok\r\n0\r\n\r\n", 2),
            ("2 x\r\nok\r\n0\r\n\r\n", 2),
            ("2\nok\r\n0\r\n\r\n", 1),
            ("2\r\r;x\r\n", 2),
            ("2;a\nok\r\n0\r\n\r\n", 3),
            ("2;a=\"b\r\nok\r\n0\r\n\r\n", 6),
            ("2\r\nokok\r\n0\r\n\r\n", 5),
            ("2\r\nok\n0\r\n\r\n", 5),
            ("2\r\nok\r0\r\n\r\n", 6),
            ("0\r\nX: y\n\r\n", 3),
            ("0\r\n\nGET / HTTP/1.1\r\n\r\n", 3),
            ("0\r\n\rX", 4),
            ("fffffffffffffffff\r\n", 16),
        ] {
            let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
            let refused = read(&[head, chunks.as_bytes()].concat());
            assert_eq!(refused, Err(Refused { before: head.len() + seen, why: Fault::Body }), "{chunks:?}");
        }
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            parts in prop::collection::vec(prop_oneof![
                Just(BOTH), Just(LENGTH), Just(CHUNKED), Just(EMPTY), Just(&b"\r"[..]), Just(&b"\n"[..]),
                Just(&b"x"[..]), Just(&b"Content-Length:"[..]), Just(&b"transfer-encoding:"[..]), Just(&b" 1"[..]),
            ], 0..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let bytes = parts.concat();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let mut framing = Framing::new();
            let in_pieces = cuts.windows(2).try_for_each(|cut| framing.read(&bytes[cut[0]..cut[1]]));
            prop_assert_eq!(in_pieces.map_err(|refused| refused.why), read(&bytes).map_err(|refused| refused.why));
        }
    }
}
