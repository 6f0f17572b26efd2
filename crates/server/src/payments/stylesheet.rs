//! The one stylesheet of the payment page, under an address that changes with what is in it.

/// What it says.
pub(crate) const BODY: &str = include_str!("../../assets/tollgate.css");

/// Where it is served, such as `/assets/tollgate.0123456789abcdef.css`.
pub(crate) const PATH: &str = match std::str::from_utf8(&PATH_BYTES) {
    Ok(path) => path,
    Err(_) => unreachable!(),
};

/// Its media type.
pub(crate) const CONTENT_TYPE: &str = "text/css; charset=utf-8";

/// A change of the stylesheet changes its address, so what is there may be kept for ever (RFC 8246).
pub(crate) const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

const BEFORE: &[u8] = b"/assets/tollgate.";
const AFTER: &[u8] = b".css";
const DIGITS: usize = 16;
const PATH_BYTES: [u8; BEFORE.len() + DIGITS + AFTER.len()] = path(fnv1a(BODY.as_bytes()));

const fn path(hash: u64) -> [u8; BEFORE.len() + DIGITS + AFTER.len()] {
    let mut path = [0; BEFORE.len() + DIGITS + AFTER.len()];
    let (before, rest) = path.split_at_mut(BEFORE.len());
    let (digits, after) = rest.split_at_mut(DIGITS);
    before.copy_from_slice(BEFORE);
    after.copy_from_slice(AFTER);
    let mut at = 0;
    while at < DIGITS {
        digits[at] = b"0123456789abcdef"[(hash >> (60 - 4 * at) & 0xf) as usize];
        at += 1;
    }
    path
}

/// FNV-1a in 64 bits: it tells versions of a file apart, which is all that is asked of it.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_carries_the_hash_of_the_content() {
        assert_eq!(PATH, format!("/assets/tollgate.{:016x}.css", fnv1a(BODY.as_bytes())));
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_stylesheet_asks_for_nothing_from_elsewhere() {
        for word in ["url(", "@import", "http:", "https:"] {
            assert!(!BODY.contains(word), "{word}");
        }
    }
}
