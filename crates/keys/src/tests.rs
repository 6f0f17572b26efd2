//! Tests of the two rings: the tokens that one mints, the other verifies.

use std::time::Duration;

use proptest::prelude::*;

use tollgate_core::{
    Algorithm, Claims, ClientId, Environment, Form, Generation, KeyId, MerchantId, PayloadBuffer, Policy,
    SecretId, Timestamp, TokenError, TokenId, TokenKind, VerifyingKey, VerifyingRing, base64url, header,
};

use crate::{MintError, Phase, SigningKey, SigningRing};

mod asymmetric;

const NOW: u64 = 1_764_000_000;

fn claims() -> Claims<'static> {
    Claims {
        issuer: "https://core.example.com",
        subject: ClientId::from_bytes([1; 16]),
        audience: "payment-api",
        issued_at: Timestamp::from_seconds(NOW),
        expires_at: Timestamp::from_seconds(NOW + 900),
        id: TokenId::from_bytes([2; 16]),
        scope: "payments:read payments:write",
        merchant_id: Some(MerchantId::from_bytes([3; 16])),
        environment: Environment::Test,
        secret_id: SecretId::from_bytes([4; 16]),
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        made_with: None,
        addresses: None,
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn policy() -> Policy {
    Policy {
        issuer: claims().issuer.to_owned(),
        audience: claims().audience.to_owned(),
        exp_leeway: Duration::ZERO,
        iat_leeway: Duration::from_secs(5),
    }
}

fn key(n: u8, activates_at: u64, retires_at: Option<u64>) -> SigningKey {
    SigningKey::derive(KeyId::from_bytes([n; 16]), &[n; 32], at(activates_at), retires_at.map(at))
}

fn ring(keys: &[SigningKey]) -> VerifyingRing {
    VerifyingRing::new(policy(), keys.iter().map(SigningKey::verifying_key))
}

fn signing(keys: &[SigningKey]) -> SigningRing {
    SigningRing::new(&policy().issuer, keys.to_vec())
}

/// Makes one key and puts it on a ring of each kind.
fn both() -> (VerifyingRing, SigningRing) {
    let keys = [key(1, 0, None)];
    (ring(&keys), signing(&keys))
}

fn minted(ring: &SigningRing, kind: TokenKind, claims: &Claims<'_>) -> String {
    let mut out = Vec::new();
    ring.mint(kind, Algorithm::Hs256, claims, at(NOW), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn verdict(ring: &VerifyingRing, kind: TokenKind, token: &str, now: u64) -> Result<(), TokenError> {
    ring.verify(kind, token.as_bytes(), at(now), &mut PayloadBuffer::new()).map(drop)
}

/// Signs `payload` as it is, for claims that the codec would not write.
fn signed(key: &SigningKey, header: &str, payload: &[u8]) -> String {
    use base64::Engine;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let signed = format!("{}.{}", engine.encode(header), engine.encode(payload));
    let mut signature = vec![0; key.signature_len()];
    assert!(key.sign(TokenKind::Access, signed.as_bytes(), &mut signature));
    format!("{signed}.{}", std::str::from_utf8(&signature).unwrap())
}

#[test]
fn the_header_is_byte_for_byte_the_published_one() {
    let token = minted(&signing(&[key(1, 0, None)]), TokenKind::Access, &claims());
    assert!(token.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."));
    let mut header = [0; 64];
    assert_eq!(
        base64url::decode(&token.as_bytes()[..token.find('.').unwrap()], &mut header).unwrap(),
        br#"{"alg":"HS256","typ":"JWT"}"#
    );
}

#[test]
fn the_signature_is_the_hmac_of_what_was_signed_however_long_the_issuer_is() {
    for length in 1..100 {
        let issuer = "i".repeat(length);
        let key = key(1, 0, None);
        let ring = VerifyingRing::new(Policy { issuer: issuer.clone(), ..policy() }, [key.verifying_key()]);
        let signing = SigningRing::new(&issuer, vec![key.clone()]);
        let claims = Claims { issuer: &issuer, ..claims() };
        let mut payload = Vec::new();
        claims.write(Form::Published, &mut payload);
        let token = minted(&signing, TokenKind::Access, &claims);
        assert_eq!(token, signed(&key, r#"{"alg":"HS256","typ":"JWT"}"#, &payload));
        assert_eq!(verdict(&ring, TokenKind::Access, &token, NOW), Ok(()));
    }
}

#[test]
fn a_minted_token_verifies_to_its_claims() {
    let (ring, signing) = both();
    for kind in [TokenKind::Access, TokenKind::Refresh] {
        let token = minted(&signing, kind, &claims());
        let mut buffer = PayloadBuffer::new();
        assert_eq!(ring.verify(kind, token.as_bytes(), at(NOW), &mut buffer), Ok(claims()));
    }
}

#[test]
fn an_access_token_is_no_refresh_token_and_the_other_way_round() {
    let (ring, signing) = both();
    let access = minted(&signing, TokenKind::Access, &claims());
    let refresh = minted(&signing, TokenKind::Refresh, &claims());
    assert_eq!(verdict(&ring, TokenKind::Refresh, &access, NOW), Err(TokenError::Signature));
    assert_eq!(verdict(&ring, TokenKind::Access, &refresh, NOW), Err(TokenError::Signature));
}

#[test]
fn a_token_ends_in_the_second_of_its_exp() {
    let (ring, signing) = both();
    let token = minted(&signing, TokenKind::Access, &claims());
    assert_eq!(verdict(&ring, TokenKind::Access, &token, NOW + 899), Ok(()));
    assert_eq!(verdict(&ring, TokenKind::Access, &token, NOW + 900), Err(TokenError::Expired));
    let lenient = Policy { exp_leeway: Duration::from_secs(2), ..policy() };
    let lenient = VerifyingRing::new(lenient, [key(1, 0, None).verifying_key()]);
    assert_eq!(verdict(&lenient, TokenKind::Access, &token, NOW + 901), Ok(()));
    assert_eq!(verdict(&lenient, TokenKind::Access, &token, NOW + 902), Err(TokenError::Expired));
}

#[test]
fn a_token_from_the_future_waits_for_the_leeway() {
    let (ring, signing) = both();
    let token = minted(&signing, TokenKind::Access, &claims());
    assert_eq!(verdict(&ring, TokenKind::Access, &token, NOW - 5), Ok(()));
    assert_eq!(verdict(&ring, TokenKind::Access, &token, NOW - 6), Err(TokenError::NotYetValid));
}

#[test]
fn a_foreign_issuer_or_audience_is_refused() {
    let (ring, signing) = both();
    for (claims, expected) in [
        (Claims { issuer: "https://core.example.com/", ..claims() }, TokenError::Issuer),
        (Claims { issuer: "https://CORE.example.com", ..claims() }, TokenError::Issuer),
        (Claims { issuer: "", ..claims() }, TokenError::Issuer),
        (Claims { audience: "payment-api2", ..claims() }, TokenError::Audience),
    ] {
        let token = minted(&signing, TokenKind::Access, &claims);
        assert_eq!(verdict(&ring, TokenKind::Access, &token, NOW), Err(expected));
    }
}

#[test]
fn another_header_is_refused_whatever_signs_it() {
    let key = key(1, 0, None);
    let ring = ring(std::slice::from_ref(&key));
    let mut payload = Vec::new();
    claims().write(Form::Published, &mut payload);
    assert_eq!(
        verdict(&ring, TokenKind::Access, &signed(&key, r#"{"alg":"HS256","typ":"JWT"}"#, &payload), NOW),
        Ok(())
    );
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None","typ":"JWT"}"#,
        r#"{"alg":"","typ":"JWT"}"#,
        r#"{"alg":null,"typ":"JWT"}"#,
        r#"{"alg":"HS384","typ":"JWT"}"#,
        r#"{"alg":"RS256","typ":"JWT"}"#,
        r#"{"alg":"ES256","typ":"JWT"}"#,
        r#"{"typ":"JWT","alg":"HS256"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"HS256","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","typ":"JWT","crit":["exp"]}"#,
        r#"{"alg":"HS256","typ":"JWT","kid":"../../dev/null"}"#,
        r#"{"alg":"HS256","typ":"JWT","jku":"http://127.0.0.1/"}"#,
        r#"{"alg":"HS256","alg":"none","typ":"JWT"}"#,
        r#"{ "alg":"HS256","typ":"JWT"}"#,
        "{}",
        "",
        "null",
    ] {
        let token = signed(&key, header, &payload);
        assert_eq!(
            verdict(&ring, TokenKind::Access, &token, NOW),
            Err(TokenError::UnknownHeader),
            "{header}"
        );
    }
}

#[test]
fn a_twin_spelling_is_refused() {
    let (ring, signing) = both();
    let token = minted(&signing, TokenKind::Access, &claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let last = signature.chars().last().unwrap();
    let twins: Vec<String> = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain(['-', '_', '+', '/', '=', '?', ' ', '\n', '\0'])
        .filter(|c| *c != last)
        .map(|c| format!("{signed}.{}{c}", &signature[..signature.len() - 1]))
        .chain([
            format!("{token}="),
            format!("{token}."),
            format!(".{token}"),
            format!(" {token}"),
            format!("{token}\n"),
            format!("{signed}..{signature}"),
            signed.to_owned(),
            format!("{signed}."),
            token.replacen('.', "", 1),
            token.to_lowercase(),
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            ".".repeat(4096),
        ])
        .collect();
    for twin in twins {
        assert!(verdict(&ring, TokenKind::Access, &twin, NOW).is_err(), "{twin:?}");
    }
}

#[test]
fn a_token_over_4_kib_is_refused_unseen() {
    let (ring, signing) = both();
    for len in [4097, 65_536, 400_000] {
        assert_eq!(verdict(&ring, TokenKind::Access, &"e".repeat(len), NOW), Err(TokenError::TooLong));
    }
    let scope = "x".repeat(4096);
    let mut out = Vec::new();
    let long = Claims { scope: &scope, ..claims() };
    assert_eq!(
        signing.mint(TokenKind::Access, Algorithm::Hs256, &long, at(NOW), &mut out),
        Err(MintError::TooLong)
    );
    let keyless = self::signing(&[]);
    assert_eq!(
        keyless.mint(TokenKind::Access, Algorithm::Hs256, &claims(), at(NOW), &mut out),
        Err(MintError::NoKey)
    );
    assert!(out.is_empty());
    let scope = "x".repeat(2600);
    let token = minted(&signing, TokenKind::Access, &Claims { scope: &scope, ..claims() });
    assert!(token.len() > 3900);
    assert_eq!(verdict(&ring, TokenKind::Access, &token, NOW), Ok(()));
}

#[test]
fn rotation_refuses_no_valid_token_and_a_retired_key_is_refused_at_once() {
    let (old, new) = (|retires_at| key(1, 0, retires_at), key(2, NOW + 5, None));
    let before = signing(&[old(None)]);
    let old_token = minted(&before, TokenKind::Access, &claims());

    let keys = [new.clone(), old(Some(NOW + 600))];
    let (rotating, rotating_signing) = (ring(&keys), signing(&keys));
    let (a, b) = (KeyId::from_bytes([1; 16]), KeyId::from_bytes([2; 16]));
    for (now, old_phase, new_phase) in [
        (NOW, Phase::Active, Phase::Next),
        (NOW + 4, Phase::Active, Phase::Next),
        (NOW + 5, Phase::VerifyOnly, Phase::Active),
        (NOW + 599, Phase::VerifyOnly, Phase::Active),
        (NOW + 600, Phase::Retired, Phase::Active),
    ] {
        assert_eq!(rotating_signing.phase(a, at(now)), Some(old_phase), "{now}");
        assert_eq!(rotating_signing.phase(b, at(now)), Some(new_phase), "{now}");
        let mut token = Vec::new();
        rotating_signing.mint(TokenKind::Access, Algorithm::Hs256, &claims(), at(now), &mut token).unwrap();
        let ahead = ring(std::slice::from_ref(&new));
        let by_new = ahead.verify(TokenKind::Access, &token, at(now), &mut PayloadBuffer::new()).is_ok();
        assert_eq!(by_new, new_phase == Phase::Active, "{now}");
        assert!(rotating.verify(TokenKind::Access, &token, at(now), &mut PayloadBuffer::new()).is_ok());
    }
    assert_eq!(verdict(&rotating, TokenKind::Access, &old_token, NOW + 599), Ok(()));
    assert_eq!(verdict(&rotating, TokenKind::Access, &old_token, NOW + 600), Err(TokenError::Signature));
    assert_eq!(rotating_signing.phase(KeyId::from_bytes([9; 16]), at(NOW)), None);
}

#[test]
fn a_node_whose_clock_is_behind_still_signs() {
    let ring = signing(&[key(1, NOW + 2, None), key(2, NOW + 60, None)]);
    assert_eq!(ring.phase(KeyId::from_bytes([1; 16]), at(NOW)), Some(Phase::Active));
    assert_eq!(ring.phase(KeyId::from_bytes([2; 16]), at(NOW)), Some(Phase::Next));
    assert!(!self::signing(&[key(1, 0, Some(NOW))]).can_sign(Algorithm::Hs256, at(NOW)));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (ring, signing) = both();
    let token = minted(&signing, TokenKind::Access, &claims()).into_bytes();
    for at_byte in 0..token.len() {
        for bit in 0..8 {
            let mut other = token.clone();
            other[at_byte] ^= 1 << bit;
            let verdict =
                ring.verify(TokenKind::Access, &other, at(NOW), &mut PayloadBuffer::new()).map(drop);
            assert!(verdict.is_err(), "byte {at_byte} bit {bit}");
        }
    }
}

#[test]
fn segments_of_two_tokens_do_not_mix() {
    let (ring, signing) = both();
    let a = minted(&signing, TokenKind::Access, &claims());
    let b = minted(&signing, TokenKind::Access, &Claims { scope: "payments:read", ..claims() });
    let (a_signed, _) = a.rsplit_once('.').unwrap();
    let (_, b_signature) = b.rsplit_once('.').unwrap();
    let mixed = format!("{a_signed}.{b_signature}");
    assert_eq!(verdict(&ring, TokenKind::Access, &mixed, NOW), Err(TokenError::Signature));
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused(token in prop::collection::vec(any::<u8>(), 0..600)) {
        let ring = ring(&[key(1, 0, None)]);
        prop_assert!(ring.verify(TokenKind::Access, &token, at(NOW), &mut PayloadBuffer::new()).is_err());
    }

    #[test]
    fn an_arbitrary_payload_is_refused_even_when_signed(payload in prop::collection::vec(any::<u8>(), 0..400)) {
        let key = key(1, 0, None);
        let token = signed(&key, r#"{"alg":"HS256","typ":"JWT"}"#, &payload);
        prop_assert_eq!(verdict(&ring(&[key]), TokenKind::Access, &token, NOW), Err(TokenError::Claims));
    }
}
