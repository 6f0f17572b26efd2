//! Base64url without padding (RFC 7515 §2), strict: one text for each sequence of bytes and no other.

use std::sync::LazyLock;

use base64::Engine;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use base64::engine::Simd;
use base64::engine::general_purpose::NO_PAD;

/// The strict settings: neither padding nor a non-zero trailing bit is accepted. A second spelling of a token would slip past
/// code that compares tokens by their text.
const STRICT: GeneralPurposeConfig = NO_PAD.with_decode_allow_trailing_bits(false);

/// The engine, which is made once, for the vector instructions that the processor has.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static ENGINE: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(STRICT));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static ENGINE: LazyLock<GeneralPurpose> =
    LazyLock::new(|| GeneralPurpose::new(&base64::alphabet::URL_SAFE, STRICT));

/// Returns the number of characters that `bytes` bytes are encoded to.
pub const fn encoded_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// Returns the number of bytes, `bytes` or more, of which the first `bytes` are encoded without a remainder: 24 bytes become a vector
/// of 32 characters, if 8 more follow.
pub const fn in_vectors(bytes: usize) -> usize {
    bytes.next_multiple_of(24) + 8
}

/// Writes `bytes` into the front of `buffer`, which must have room for [`encoded_len`] characters.
#[inline]
pub fn encode<'a>(bytes: &[u8], buffer: &'a mut [u8]) -> &'a [u8] {
    let len = ENGINE.encode_slice(bytes, buffer).expect("the buffer has room for the encoded bytes");
    &buffer[..len]
}

/// Reads `text` into the front of `buffer`. Returns `None` if it is not canonical or doesn't fit.
pub fn decode<'a>(text: &[u8], buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let len = ENGINE.decode_slice(text, buffer).ok()?;
    Some(&buffer[..len])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn non_canonical_text_is_refused() {
        let mut buffer = [0; 16];
        assert_eq!(decode(b"AQ", &mut buffer), Some(&[1][..]));
        for bad in [&b"AR"[..], b"AQ=", b"AQ==", b"A", b"A+", b"A/", b"AQ\n", b" AQ", b"A Q", b"AQ\0", b"AQ?"]
        {
            assert_eq!(decode(bad, &mut buffer), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_back_to_the_same_text(text in "[A-Za-z0-9_=-]{0,64}") {
            let mut bytes = [0; 64];
            if let Some(bytes) = decode(text.as_bytes(), &mut bytes) {
                let mut again = [0; 96];
                prop_assert_eq!(encode(bytes, &mut again), text.as_bytes());
            }
        }

        #[test]
        fn every_sequence_of_bytes_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut text = [0; 400];
            let text = encode(&bytes, &mut text);
            prop_assert_eq!(text.len(), encoded_len(bytes.len()));
            let mut back = [0; 300];
            prop_assert_eq!(decode(text, &mut back), Some(&bytes[..]));
        }
    }
}
