//! Tests of tokens that are signed with a private key and verified with a public one.

use super::*;
use crate::{PrivateKey, RsaBits};

const ASYMMETRIC: [Algorithm; 4] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256, Algorithm::Rs256];

fn asymmetric(n: u8, algorithm: Algorithm, activates_at: u64) -> SigningKey {
    let private = PrivateKey::generate(algorithm, RsaBits::Bits2048).unwrap();
    SigningKey::asymmetric(KeyId::from_bytes([n; 16]), private, at(activates_at), None)
}

fn minted_by(ring: &SigningRing, algorithm: Algorithm) -> String {
    let mut out = Vec::new();
    ring.mint(TokenKind::Access, algorithm, &claims(), at(NOW), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Returns a key of every algorithm.
fn one_of_each() -> Vec<SigningKey> {
    let hs256 = key(1, 0, None);
    std::iter::once(hs256)
        .chain((2..).zip(ASYMMETRIC).map(|(n, algorithm)| asymmetric(n, algorithm, 0)))
        .collect()
}

#[test]
fn a_token_of_each_algorithm_is_verified_by_whoever_has_the_public_key_alone() {
    let keys = one_of_each();
    let signing = signing(&keys);
    let all = ring(&keys);
    for algorithm in ASYMMETRIC {
        let token = minted_by(&signing, algorithm);
        let (id, public) = all.public_keys(at(NOW)).find(|(_, key)| key.algorithm() == algorithm).unwrap();
        let elsewhere = VerifyingRing::new(policy(), [VerifyingKey::public(id, public.clone())]);
        let mut buffer = PayloadBuffer::new();
        let read = elsewhere.verify(TokenKind::Access, token.as_bytes(), at(NOW), &mut buffer);
        assert_eq!(read, Ok(claims()), "{algorithm}");
        assert_eq!(verdict(&all, TokenKind::Access, &token, NOW), Ok(()), "{algorithm}");
        assert_eq!(all.retired_signer(token.as_bytes()), Some(id));
    }
    assert_eq!(all.public_keys(at(NOW)).count(), ASYMMETRIC.len());
}

#[test]
fn a_ring_says_which_tokens_name_a_key_that_it_lacks() {
    let keys = one_of_each();
    let (all, none) = (ring(&keys), ring(&[]));
    for algorithm in ASYMMETRIC {
        let token = minted_by(&signing(&keys), algorithm);
        assert!(!all.lacks_key_of(token.as_bytes()), "{algorithm}");
        assert!(none.lacks_key_of(token.as_bytes()), "{algorithm}");
    }
    let symmetric = minted(&signing(&keys), TokenKind::Access, &claims());
    for other in [symmetric.as_str(), "eyJhbGciOiJub25lIn0.e30.", ""] {
        assert!(!none.lacks_key_of(other.as_bytes()), "{other}: nothing that is published could verify it");
    }
}

#[test]
fn a_refresh_token_is_signed_with_hs256_whatever_the_audience_has() {
    let keys = one_of_each();
    for algorithm in Algorithm::ALL {
        let mut out = Vec::new();
        signing(&keys).mint(TokenKind::Refresh, algorithm, &claims(), at(NOW), &mut out).unwrap();
        assert!(out.starts_with(header::HS256));
    }
    for algorithm in ASYMMETRIC {
        let access = minted_by(&signing(&keys), algorithm);
        assert_eq!(
            verdict(&ring(&keys), TokenKind::Refresh, &access, NOW),
            Err(TokenError::Signature),
            "{algorithm}"
        );
    }
}

#[test]
fn every_character_of_a_token_of_every_algorithm_counts() {
    let keys = one_of_each();
    let (signing, ring) = (signing(&keys), ring(&keys));
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let token = minted_by(&signing, algorithm);
        for place in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert!(verdict(&ring, TokenKind::Access, &other, NOW).is_err(), "{algorithm} at {place}");
        }
        for cut in 0..token.len() {
            assert!(verdict(&ring, TokenKind::Access, &token[..cut], NOW).is_err(), "{algorithm} to {cut}");
        }
        let longer = format!("{token}A");
        assert!(verdict(&ring, TokenKind::Access, &longer, NOW).is_err(), "{algorithm}");
    }
}

#[test]
fn a_public_key_is_no_secret_of_another_algorithm() {
    // RFC 8725 §2.1: the public key used as an HMAC secret, or a signature under another key's header.
    let keys = one_of_each();
    let (signing, ring) = (signing(&keys), ring(&keys));
    let tokens: Vec<_> = Algorithm::ALL.map(|algorithm| minted_by(&signing, algorithm)).into();
    for (own, token) in tokens.iter().enumerate() {
        let (_, rest) = token.split_once('.').unwrap();
        for (other, foreign) in tokens.iter().enumerate().filter(|(other, _)| *other != own) {
            let (header, _) = foreign.split_once('.').unwrap();
            let mixed = format!("{header}.{rest}");
            assert!(verdict(&ring, TokenKind::Access, &mixed, NOW).is_err(), "{own} as {other}");
        }
    }
}

#[test]
fn a_key_that_is_not_on_the_ring_may_be_new_and_a_header_that_no_key_has_may_not() {
    let signing = signing(&one_of_each());
    for known in [vec![], one_of_each()] {
        let ring = ring(&known);
        for algorithm in ASYMMETRIC {
            let token = minted_by(&signing, algorithm);
            // The ids are the same, but the keys differ.
            assert_eq!(verdict(&ring, TokenKind::Access, &token, NOW), Err(TokenError::Signature));
        }
        let no_key = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoiMSJ9.e30.AA";
        assert_eq!(verdict(&ring, TokenKind::Access, no_key, NOW), Err(TokenError::UnknownHeader));
    }
}

#[test]
fn keys_of_one_algorithm_follow_each_other_whatever_the_others_do() {
    let keys =
        [key(1, 0, None), asymmetric(2, Algorithm::Es256, 0), asymmetric(3, Algorithm::Es256, NOW + 10)];
    let signing = signing(&keys);
    let phase = |n, seconds| signing.phase(KeyId::from_bytes([n; 16]), at(seconds)).unwrap();
    assert_eq!([1, 2, 3].map(|n| phase(n, NOW)), [Phase::Active, Phase::Active, Phase::Next]);
    assert_eq!([1, 2, 3].map(|n| phase(n, NOW + 10)), [Phase::Active, Phase::VerifyOnly, Phase::Active]);
    assert!(signing.can_sign(Algorithm::Es256, at(NOW)) && !signing.can_sign(Algorithm::Rs256, at(NOW)));
}
