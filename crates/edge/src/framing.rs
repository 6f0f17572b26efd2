//! Reads the framing of HTTP/1.1 strictly, before hyper reads it.
//!
//! Bytes that a proxy in front of the edge and hyper could read differently are refused: request smuggling relies on them
//! (RFC 9112 §11.2). hyper accepts more than has one reading, and doesn't report it. So the bytes of a connection pass
//! through here first, and hyper sees only those that have passed: it makes the same messages of these, whatever else it would
//! accept.

use memchr::memchr;

use crate::chunks::Chunks;

/// The position of the reader in the messages of a connection. It keeps no bytes, so the boundaries of reads don't matter.
#[derive(Debug)]
pub(crate) struct Framing {
    at: At,
    /// Whether the last byte of an incomplete line is a carriage return.
    carriage_return: bool,
    length: Option<u64>,
    is_chunked: bool,
}

#[derive(Clone, Copy, Debug)]
enum At {
    /// Before a request, where empty lines are ignored (RFC 9112 §2.2).
    Start,
    RequestLine,
    /// At the beginning of a header line.
    Line,
    /// After the carriage return of an empty line: the line that ends a head, or one before a request.
    EmptyLine {
        ends_head: bool,
    },
    /// Within a name that may be one of those that matter: how many of its bytes have come.
    Name(Name, usize),
    Length(Value<u64>),
    /// Within the value of `Transfer-Encoding`: how much of the only supported coding has come.
    Coding(Value<usize>),
    /// Within a header line that doesn't matter.
    OtherLine,
    /// Within a body that has this many bytes left.
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

/// The position of the reader in a value. Spaces around it don't belong to it (RFC 9110 §5.5).
#[derive(Clone, Copy, Debug)]
enum Value<T> {
    Before,
    Within(T),
    After(T),
    CarriageReturn(T),
}

/// The longest body with a length, in bytes: some programs that pass requests on use signed numbers.
const LONGEST: u64 = i64::MAX as u64;
const CHUNKED: &[u8] = b"chunked";

/// Why a message is refused, and how much of it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// How many of the last bytes come before the refused part.
    pub(crate) before: usize,
    pub(crate) why: Fault,
}

/// The fault of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its head is wrong: none of the message can be used.
    Head(&'static str),
    /// The chunks of its body are wrong.
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
    pub(crate) const fn new() -> Self {
        Self { at: At::Start, carriage_return: false, length: None, is_chunked: false }
    }

    /// Reads the next bytes of the connection.
    ///
    /// No part of a message with a refused head may be seen, so `before` ends where the message begins; of a message with a refused
    /// body everything before the fault may be seen.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let (mut at, mut begin) = (0, 0);
        while at < bytes.len() {
            if matches!(self.at, At::Start) {
                begin = at;
            }
            let read = match self.at {
                At::Line => self.whole_line(&bytes[at..]),
                _ => self.step(&bytes[at..]),
            };
            at += match read {
                Ok(length) => length,
                Err(why @ Fault::Head(_)) => return Err(Refused { before: begin, why }),
                Err(why @ Fault::Body) => return Err(Refused { before: at, why }),
            };
        }
        Ok(())
    }

    /// Reads a header line that has arrived completely, as nearly all have, or otherwise the part of it that has.
    fn whole_line(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let Some(end) = memchr(b'\n', bytes) else { return self.step(bytes) };
        let Some(line) = bytes[..end].strip_suffix(b"\r") else { return Err(BARE_LINE_FEED) };
        match line.first() {
            None => self.at = self.body()?,
            Some(b'\r') => return Err(BARE_CARRIAGE_RETURN),
            Some(b'c' | b'C') => {
                if let Some(value) = value_of(line, Name::ContentLength) {
                    self.take_length(length(value).ok_or(LENGTH_FAULT)?)?;
                }
            }
            Some(b't' | b'T') => match value_of(line, Name::TransferEncoding) {
                Some(CHUNKED) => self.take_coding()?,
                Some(_) => return Err(CODING),
                None => {}
            },
            Some(_) => {}
        }
        Ok(end + 1)
    }

    /// Reads on from the first of these bytes, and returns how many it has read. It may read none and only change its position.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let byte = bytes[0];
        self.at = match (self.at, byte) {
            (At::Sized(left), _) => return Ok(self.skip(left, bytes.len())),
            (At::Chunked(chunks), _) => return self.chunks(chunks, bytes),
            (At::OtherLine, _) => return self.line(bytes),
            (At::Length(value), _) => self.byte_of_length(value, byte)?,
            (At::Coding(value), _) => self.byte_of_coding(value, byte)?,
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

    /// Reads to the end of a line, as far as it has arrived. The line ends where hyper lets it end, at a line feed; a
    /// front end may take that for part of the line (RFC 9112 §2.2).
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

    fn byte_of_length(&mut self, value: Value<u64>, byte: u8) -> Result<At, Fault> {
        let value = match (value, byte) {
            (Value::Before, b' ' | b'\t') => Value::Before,
            (Value::Before, b'0'..=b'9') => Value::Within(u64::from(byte - b'0')),
            (Value::Within(length), b'0'..=b'9') => Value::Within(longer(length, byte).ok_or(LENGTH_FAULT)?),
            (Value::Within(length) | Value::After(length), b' ' | b'\t') => Value::After(length),
            (Value::Within(length) | Value::After(length), b'\r') => Value::CarriageReturn(length),
            (Value::CarriageReturn(length), b'\n') => {
                self.take_length(length)?;
                return Ok(At::Line);
            }
            _ => return Err(LENGTH_FAULT),
        };
        Ok(At::Length(value))
    }

    fn byte_of_coding(&mut self, value: Value<usize>, byte: u8) -> Result<At, Fault> {
        const ALL: usize = CHUNKED.len();
        let value = match (value, byte) {
            (Value::Before, b' ' | b'\t') => Value::Before,
            (Value::Before, b'c') => Value::Within(1),
            (Value::Within(ALL) | Value::After(ALL), b' ' | b'\t') => Value::After(ALL),
            (Value::Within(ALL) | Value::After(ALL), b'\r') => Value::CarriageReturn(ALL),
            (Value::Within(matched), byte) if CHUNKED.get(matched) == Some(&byte) => {
                Value::Within(matched + 1)
            }
            (Value::CarriageReturn(ALL), b'\n') => {
                self.take_coding()?;
                return Ok(At::Line);
            }
            _ => return Err(CODING),
        };
        Ok(At::Coding(value))
    }

    /// Takes a length. Repeated equal lengths count as one (RFC 9112 §6.3).
    fn take_length(&mut self, length: u64) -> Result<(), Fault> {
        let is_one = self.length.is_none_or(|other| other == length);
        self.length = Some(length);
        if is_one { Ok(()) } else { Err(LENGTH_FAULT) }
    }

    /// Takes the coding. Any other than the supported one could end the body elsewhere for another reader: another name, a list (RFC 9112
    /// §6.1), a second line, and another spelling, which is the same only for readers that follow RFC 9110 §7.
    fn take_coding(&mut self) -> Result<(), Fault> {
        let is_second = std::mem::replace(&mut self.is_chunked, true);
        if is_second { Err(CODING) } else { Ok(()) }
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

/// Returns the text after the name of a header line and its colon, without the spaces around it.
fn value_of(line: &[u8], name: Name) -> Option<&[u8]> {
    let name = name.as_bytes();
    match line.split_at_checked(name.len()) {
        Some((begin, [b':', value @ ..])) if begin.eq_ignore_ascii_case(name) => Some(trimmed(value)),
        _ => None,
    }
}

fn trimmed(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let Some(begin) = value.iter().position(is_text) else { return &[] };
    let end = value.iter().rposition(is_text).map_or(begin, |last| last + 1);
    &value[begin..end]
}

fn length(digits: &[u8]) -> Option<u64> {
    let (first, others) = digits.split_first()?;
    others.iter().try_fold(longer(0, *first)?, |length, digit| longer(length, *digit))
}

/// Returns a length with one more digit; `None` if it is too long.
fn longer(length: u64, digit: u8) -> Option<u64> {
    let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
    length.checked_mul(10)?.checked_add(digit).filter(|length| *length <= LONGEST)
}

#[cfg(test)]
mod tests;
