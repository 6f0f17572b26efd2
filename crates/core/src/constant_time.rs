//! Comparisons whose duration reveals nothing.

use subtle::ConstantTimeEq;

/// Says whether both are equal, in a time that depends only on their lengths.
///
/// It collects the differences eight bytes at a time, and checks them once, at the end: byte by byte it would cost as much
/// as hashing a block.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    let ((words, rest), (other_words, other_rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let differ = |one: &[u8; 8], other: &[u8; 8]| u64::from_ne_bytes(*one) ^ u64::from_ne_bytes(*other);
    let differences = words.iter().zip(other_words).fold(0, |all, (one, other)| all | differ(one, other));
    let differences = differences | differ(&padded(rest), &padded(other_rest));
    one.len() == other.len() && bool::from(differences.ct_eq(&0))
}

fn padded(rest: &[u8]) -> [u8; 8] {
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_other_bit_anywhere_is_a_difference() {
        for length in 0..100 {
            let one = vec![0x5a; length];
            assert!(equal(&one, &one.clone()));
            assert!(!equal(&one, &[&*one, &[0x5a]].concat()), "{length}");
            for bit in 0..8 * length {
                let mut other = one.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                assert!(!equal(&one, &other), "bit {bit} of {length} bytes");
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_equality(one in prop::collection::vec(0_u8..2, 0..70), other in prop::collection::vec(0_u8..2, 0..70)) {
            prop_assert_eq!(equal(&one, &other), one == other);
        }
    }
}
