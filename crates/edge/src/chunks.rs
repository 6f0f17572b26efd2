//! A body in chunks (RFC 9112 §7.1), read strictly.

use memchr::memchr;

/// The position of the reader in the chunks of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunks(At);

#[derive(Clone, Copy, Debug)]
enum At {
    /// Within the digits of a size; `None` before the first one.
    Size(Option<u64>),
    /// Within white space between a size and an extension.
    Space(u64),
    /// Before the name of an extension.
    Semicolon(u64),
    Extension(u64),
    Quoted(u64),
    /// After a backslash between quotes.
    Escaped(u64),
    SizeEnds(u64),
    Data(u64),
    DataEnds,
    ChunkEnds,
    /// At the beginning of a trailer line, or of the empty line.
    Trailer,
    TrailerLine {
        carriage_return: bool,
    },
    End,
    Ended,
}

impl Chunks {
    pub(crate) const fn new() -> Self {
        Self(At::Size(None))
    }

    /// Says whether the body is complete.
    pub(crate) const fn have_ended(self) -> bool {
        matches!(self.0, At::Ended)
    }

    /// Reads on from the first of these bytes, of which there must be at least one, and returns how many it has read; `None` if
    /// they are not valid.
    #[expect(clippy::match_same_arms, reason = "a line is a transition")]
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let byte = bytes[0];
        self.0 = match (self.0, byte) {
            (At::Data(left), _) => {
                let length = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                let left = left - length as u64;
                self.0 = if left == 0 { At::DataEnds } else { At::Data(left) };
                return Some(length);
            }
            (At::TrailerLine { carriage_return }, _) => return self.trailer_line(carriage_return, bytes),
            (At::Size(size), _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).map(u64::from)?;
                At::Size(Some(size.unwrap_or(0).checked_mul(16)?.checked_add(digit)?))
            }
            (At::Size(Some(size)) | At::Space(size), b' ' | b'\t') => At::Space(size),
            (At::Size(Some(size)) | At::Space(size) | At::Extension(size), b';') => At::Semicolon(size),
            (At::Semicolon(size), b' ' | b'\t') => At::Semicolon(size),
            (At::Semicolon(size), _) if is_in_token(byte) => At::Extension(size),
            (At::Size(Some(size)) | At::Extension(size), b'\r') => At::SizeEnds(size),
            (At::Extension(size), b'"') => At::Quoted(size),
            (At::Extension(size), b'=' | b' ' | b'\t') => At::Extension(size),
            (At::Quoted(size), b'"') => At::Extension(size),
            (At::Extension(size), _) if is_in_token(byte) => At::Extension(size),
            (At::Quoted(size), b'\\') => At::Escaped(size),
            (At::Quoted(size) | At::Escaped(size), _) if is_text(byte) => At::Quoted(size),
            (At::SizeEnds(0), b'\n') => At::Trailer,
            (At::SizeEnds(size), b'\n') => At::Data(size),
            (At::DataEnds, b'\r') => At::ChunkEnds,
            (At::ChunkEnds, b'\n') => At::Size(None),
            (At::Trailer, b'\r') => At::End,
            (At::Trailer, _) => {
                self.0 = At::TrailerLine { carriage_return: false };
                return Some(0);
            }
            (At::End, b'\n') => At::Ended,
            _ => return None,
        };
        Some(1)
    }

    fn trailer_line(&mut self, carriage_return: bool, bytes: &[u8]) -> Option<usize> {
        let Some(end) = memchr(b'\n', bytes) else {
            self.0 = At::TrailerLine { carriage_return: bytes.ends_with(b"\r") };
            return Some(bytes.len());
        };
        let carriage_return = if end == 0 { carriage_return } else { bytes[end - 1] == b'\r' };
        self.0 = At::Trailer;
        carriage_return.then_some(end + 1)
    }
}

/// Says whether a byte may be in a token (RFC 9110 §5.6.2).
const fn is_in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Says whether a byte may be within quotes (RFC 9110 §5.6.4).
const fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}
