//! Comparisons whose duration reveals nothing.

use std::hint::black_box;

use subtle::ConstantTimeEq;

/// Says whether both are equal, in a time that depends on their lengths alone.
///
/// It gathers the differences of 32 bytes at a time, in vectors, and looks at them once, at the end: byte by byte it would
/// cost as much as hashing a block.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let ((blocks, rest), (other_blocks, other_rest)) = (one.as_chunks::<32>(), other.as_chunks::<32>());
    let mut differences = [0; 32];
    gather(&mut differences, &padded(rest), &padded(other_rest));
    for (block, other) in blocks.iter().zip(other_blocks) {
        gather(&mut differences, block, other);
        // Nothing is known of them here, so no block can be the last for what is in it.
        differences = black_box(differences);
    }
    let (words, _) = differences.as_chunks::<8>();
    words.iter().fold(0, |all, word| all | u64::from_ne_bytes(*word)).ct_eq(&0).into()
}

fn gather(differences: &mut [u8; 32], one: &[u8; 32], other: &[u8; 32]) {
    for (difference, (one, other)) in differences.iter_mut().zip(one.iter().zip(other)) {
        *difference |= one ^ other;
    }
}

fn padded(rest: &[u8]) -> [u8; 32] {
    let mut block = [0; 32];
    block[..rest.len()].copy_from_slice(rest);
    block
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
