//! Escaping: whatever a value contains, it stays one value on one line.

use std::io::Write;

/// Appends text as the inside of a JSON string.
///
/// Beyond what JSON requires, it escapes characters that could act on a terminal or mislead the reader: DEL, the C1 controls (U+009B
/// begins an ANSI sequence), line separators and the marks that reorder text.
pub(crate) fn escape(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    if is_plain_ascii(bytes) {
        out.extend_from_slice(bytes);
    } else {
        escape_odd(out, bytes);
    }
}

#[cold]
fn escape_odd(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut plain_from = 0;
    let mut at = 0;
    while at < bytes.len() {
        let length = escaped_length(&bytes[at..]);
        if length == 0 {
            at += 1;
            continue;
        }
        out.extend_from_slice(&bytes[plain_from..at]);
        escape_one(out, &bytes[at..at + length]);
        at += length;
        plain_from = at;
    }
    out.extend_from_slice(&bytes[plain_from..]);
}

/// Says whether text has to be quoted to be one value in a line of text.
pub(crate) fn needs_quotes(text: &str, spaces_too: bool) -> bool {
    let bytes = text.as_bytes();
    let separates = |byte: u8| u8::from(byte == b'=') | u8::from(byte == b' ' && spaces_too);
    if none(bytes, |byte| odd_bit(byte) | separates(byte)) {
        return bytes.is_empty();
    }
    bytes.iter().any(|byte| separates(*byte) != 0)
        || (0..bytes.len()).any(|at| escaped_length(&bytes[at..]) > 0)
}

/// Says whether nothing has to be escaped, as in nearly every value.
fn is_plain_ascii(bytes: &[u8]) -> bool {
    none(bytes, odd_bit)
}

/// Says whether `is_odd` returns 0 for every byte; a vector at a time, because most of a line's time is spent here.
fn none(bytes: &[u8], is_odd: impl Fn(u8) -> u8) -> bool {
    // The rest, less than a whole chunk, is within the last 16 bytes.
    if let Some(last) = bytes.last_chunk::<16>() {
        let mut odd = [0; 16];
        for chunk in bytes.as_chunks().0 {
            mark(&mut odd, chunk, &is_odd);
        }
        mark(&mut odd, last, &is_odd);
        odd == [0; 16]
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk()) {
        let mut odd = [0; 8];
        mark(&mut odd, first, &is_odd);
        mark(&mut odd, last, &is_odd);
        odd == [0; 8]
    } else {
        bytes.iter().all(|byte| is_odd(*byte) == 0)
    }
}

/// Examines all bytes, whatever it finds: without an early exit, the compiler vectorizes it.
fn mark<const N: usize>(odd: &mut [u8; N], bytes: &[u8; N], is_odd: impl Fn(u8) -> u8) {
    for (odd, byte) in odd.iter_mut().zip(bytes) {
        *odd |= is_odd(*byte);
    }
}

/// Returns 1 for a byte that is not printable ASCII, a quote or a backslash.
const fn odd_bit(byte: u8) -> u8 {
    (byte.wrapping_sub(b' ') >= 0x7f - b' ') as u8 | (byte == b'"') as u8 | (byte == b'\\') as u8
}

#[derive(Clone, Copy)]
enum Class {
    Plain,
    Escaped,
    /// A byte that begins a character which may be a hidden one.
    Lead,
}

const CLASS: [Class; 256] = {
    let mut class = [Class::Plain; 256];
    let mut control = 0;
    while control < 0x20 {
        class[control] = Class::Escaped;
        control += 1;
    }
    class[0x7f] = Class::Escaped;
    class[b'"' as usize] = Class::Escaped;
    class[b'\\' as usize] = Class::Escaped;
    class[0xc2] = Class::Lead;
    class[0xe2] = Class::Lead;
    class
};

/// Returns the length of the first character if it must be escaped, otherwise 0.
fn escaped_length(bytes: &[u8]) -> usize {
    match (CLASS[usize::from(bytes[0])], bytes) {
        (Class::Escaped, _) => 1,
        // The C1 controls, U+0080 to U+009F.
        (Class::Lead, [0xc2, 0x80..=0x9f, ..]) => 2,
        // U+200E to U+200F, U+2028 to U+202E, U+2066 to U+2069: line separators and marks of direction.
        (Class::Lead, [0xe2, 0x80, 0x8e..=0x8f | 0xa8..=0xae, ..] | [0xe2, 0x81, 0xa6..=0xa9, ..]) => 3,
        _ => 0,
    }
}

/// Escapes one character, given by its UTF-8.
fn escape_one(out: &mut Vec<u8>, character: &[u8]) {
    let code = match *character {
        [b'"'] => return out.extend_from_slice(b"\\\""),
        [b'\\'] => return out.extend_from_slice(b"\\\\"),
        [b'\n'] => return out.extend_from_slice(b"\\n"),
        [b'\r'] => return out.extend_from_slice(b"\\r"),
        [b'\t'] => return out.extend_from_slice(b"\\t"),
        [byte] => u32::from(byte),
        [lead, one] => u32::from(lead & 0x1f) << 6 | u32::from(one & 0x3f),
        [lead, one, two] => u32::from(lead & 0x0f) << 12 | u32::from(one & 0x3f) << 6 | u32::from(two & 0x3f),
        _ => unreachable!("the characters to escape have up to three bytes"),
    };
    write!(out, "\\u{code:04x}").expect("a vector takes every write");
}
