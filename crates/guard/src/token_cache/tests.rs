use std::time::Duration;

use tollgate_core::{
    Algorithm, ClientId, Clock, Environment, Generation, KeyId, MerchantId, PayloadBuffer, Policy,
    Revocation, Revoked, SecretId, TokenError, TokenId, TokenKind, Uptime,
};
use tollgate_keys::{SigningKey, SigningRing};

use super::*;
use crate::{Denial, Freshness, Revocations, Verifier};

const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);
const ID: TokenId = TokenId::from_bytes([2; 16]);
const LIFE: Duration = Duration::from_secs(900);

struct Unasked;

impl Clock for Unasked {
    fn now(&self) -> Timestamp {
        panic!("the time is an argument")
    }

    fn uptime(&self) -> Uptime {
        Uptime { boot: [0; 16], elapsed: Duration::ZERO }
    }
}

/// Makes a key that ends five minutes after [`NOW`], or never.
fn key(material: u8, ends: bool) -> SigningKey {
    let ends = ends.then(|| NOW.after(Duration::from_secs(300)));
    SigningKey::derive(KeyId::from_bytes([material; 16]), &[material; 32], Timestamp::from_seconds(0), ends)
}

/// Makes a keyring with this one key.
fn keyring(material: u8, ends: bool) -> VerifyingRing {
    let policy = Policy {
        issuer: "https://core.example.com".to_owned(),
        audience: "payment-api".to_owned(),
        exp_leeway: Duration::ZERO,
        iat_leeway: Duration::from_secs(5),
    };
    VerifyingRing::new(policy, [key(material, ends).verifying_key()])
}

/// Makes a token that the key 1 has signed.
fn token(id: TokenId) -> Vec<u8> {
    let claims = Claims {
        issuer: "https://core.example.com",
        subject: ClientId::from_bytes([1; 16]),
        audience: "payment-api",
        issued_at: NOW,
        expires_at: NOW.after(LIFE),
        id,
        scope: "payments:read",
        merchant_id: Some(MerchantId::from_bytes([3; 16])),
        environment: Environment::Test,
        secret_id: SecretId::from_bytes([4; 16]),
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        made_with: Some(TokenId::from_bytes([5; 16])),
        addresses: Some("192.0.2.0/24"),
    };
    let mut token = Vec::new();
    SigningRing::new("https://core.example.com", vec![key(1, false)])
        .mint(TokenKind::Access, Algorithm::Hs256, &claims, NOW, &mut token)
        .unwrap();
    token
}

fn admit(verifier: &Verifier, token: &[u8], now: Timestamp) -> Result<Principal, Denial> {
    verifier.admit(token, now, |_, _| Ok(()))
}

/// Makes a verifier, and a token that it has cached.
fn caching(keyring: VerifyingRing) -> (Verifier, Vec<u8>) {
    let verifier = Verifier::new(keyring, Arc::new(Unasked));
    let token = token(ID);
    for _ in 0..2 {
        admit(&verifier, &token, NOW).unwrap();
    }
    assert!(is_cached(&verifier, &token));
    (verifier, token)
}

fn is_cached(verifier: &Verifier, token: &[u8]) -> bool {
    verifier.cache().find(token, &verifier.keyring(), NOW, |_| ()).is_some()
}

fn refused(error: TokenError) -> Result<Principal, Denial> {
    Err(Denial::InvalidToken(error))
}

#[test]
fn a_token_that_comes_twice_in_a_row_is_cached() {
    let verifier = Verifier::new(keyring(1, false), Arc::new(Unasked));
    let token = token(ID);
    for cached in [false, true, true] {
        admit(&verifier, &token, NOW).unwrap();
        assert_eq!(is_cached(&verifier, &token), cached);
    }
}

#[test]
fn the_entry_of_a_token_has_its_claims() {
    let (verifier, token) = caching(keyring(1, false));
    let mut buffer = PayloadBuffer::new();
    let claims = verifier.verify(TokenKind::Access, &token, NOW, &mut buffer).unwrap();
    let found = verifier.cache().find(&token, &verifier.keyring(), NOW, |entry| {
        assert_eq!(entry.claims(), claims);
    });
    assert!(found.is_some());
    assert_eq!(admit(&verifier, &token, NOW), Ok(Principal::of(&claims)));
}

#[test]
fn a_cached_token_expires() {
    let (verifier, token) = caching(keyring(1, false));
    let last = NOW.after(LIFE).before(Duration::from_millis(1));
    assert!(admit(&verifier, &token, last).is_ok());
    assert_eq!(admit(&verifier, &token, NOW.after(LIFE)), refused(TokenError::Expired));
}

#[test]
fn a_cached_token_is_of_the_future_when_the_clock_is_set_back() {
    let (verifier, token) = caching(keyring(1, false));
    assert!(admit(&verifier, &token, NOW.before(Duration::from_secs(5))).is_ok());
    let earlier = NOW.before(Duration::from_millis(5_001));
    assert_eq!(admit(&verifier, &token, earlier), refused(TokenError::NotYetValid));
}

#[test]
fn a_cached_token_ends_with_its_key() {
    let (verifier, token) = caching(keyring(1, true));
    let end = NOW.after(Duration::from_secs(300));
    assert!(admit(&verifier, &token, end.before(Duration::from_millis(1))).is_ok());
    assert_eq!(admit(&verifier, &token, end), refused(TokenError::Signature));
}

#[test]
fn a_cached_token_is_revoked_at_the_next_request() {
    for subject in [
        Revoked::Token(ID),
        Revoked::Secret(SecretId::from_bytes([4; 16])),
        Revoked::Client(ClientId::from_bytes([1; 16]), Generation::FIRST.next()),
        Revoked::Token(TokenId::from_bytes([5; 16])),
        Revoked::Merchant(MerchantId::from_bytes([3; 16]), Generation::FIRST.next()),
    ] {
        let (verifier, token) = caching(keyring(1, false));
        let revocation = Revocation { subject, expires_at: NOW.after(LIFE) };
        verifier.set_revocations(Revocations::from_iter([revocation]));
        assert_eq!(admit(&verifier, &token, NOW), refused(TokenError::Revoked), "{subject:?}");
        verifier.set_revocations(Revocations::default());
        assert!(admit(&verifier, &token, NOW).is_ok(), "{subject:?}");
    }
}

#[test]
fn another_keyring_finds_nothing_in_the_cache() {
    let (verifier, token) = caching(keyring(1, false));
    verifier.set_keyring(keyring(9, false));
    assert_eq!(admit(&verifier, &token, NOW), refused(TokenError::Signature));
    // The same keys on another ring: verified again, and cached again.
    verifier.set_keyring(keyring(1, false));
    assert!(!is_cached(&verifier, &token));
    assert!(admit(&verifier, &token, NOW).is_ok());
}

#[test]
fn an_entry_of_one_keyring_is_not_found_by_another() {
    let (verifier, token) = caching(keyring(1, false));
    // A request that began before the keys were changed ends after it.
    let other = Arc::new(keyring(1, false));
    assert!(verifier.cache().find(&token, &other, NOW, |_| ()).is_none());
}

#[test]
fn a_cached_token_is_no_better_than_any_other_on_a_verifier_that_is_stale() {
    let (verifier, token) = caching(keyring(1, false));
    verifier.set_freshness(Freshness { keys_until: NOW, until: NOW.after(Duration::from_secs(1)) });
    assert!(admit(&verifier, &token, NOW).is_ok());
    assert_eq!(admit(&verifier, &token, NOW.after(Duration::from_secs(1))), Err(Denial::Stale));
}

#[test]
fn what_a_route_requires_is_checked_for_each_request() {
    let (verifier, token) = caching(keyring(1, false));
    let refuse = |_: &VerifyingRing, claims: &Claims<'_>| {
        assert_eq!(claims.addresses, Some("192.0.2.0/24"));
        Err(Denial::Address)
    };
    assert_eq!(verifier.admit(&token, NOW, refuse), Err(Denial::Address));
    assert!(admit(&verifier, &token, NOW).is_ok());
}

#[test]
fn a_token_that_is_not_admitted_is_not_cached() {
    let verifier = Verifier::new(keyring(1, false), Arc::new(Unasked));
    let token = token(ID);
    for _ in 0..3 {
        verifier.admit(&token, NOW, |_, _| Err(Denial::Address)).unwrap_err();
    }
    assert!(!is_cached(&verifier, &token));
}

#[test]
fn a_byte_more_less_or_other_than_a_cached_token_is_another_token() {
    let (verifier, token) = caching(keyring(1, false));
    for at in 0..token.len() {
        let mut other = token.clone();
        other[at] ^= 1;
        assert!(admit(&verifier, &other, NOW).is_err(), "byte {at}");
        other.remove(at);
        assert!(admit(&verifier, &other, NOW).is_err(), "without byte {at}");
    }
    assert!(admit(&verifier, &[&*token, b"x"].concat(), NOW).is_err());
    assert!(is_cached(&verifier, &token));
}

#[test]
fn more_tokens_than_slots_are_admitted_all_the_same() {
    let verifier = Verifier::new(keyring(1, false), Arc::new(Unasked));
    let ids = (0..2 * SLOTS).map(|n| {
        let mut id = [0; 16];
        id[..size_of_val(&n)].copy_from_slice(&n.to_le_bytes());
        TokenId::from_bytes(id)
    });
    let tokens: Vec<_> = ids.map(|id| (id, token(id))).collect();
    for times in [1, 3] {
        for (id, token) in &tokens {
            for _ in 0..times {
                assert_eq!(admit(&verifier, token, NOW).map(|principal| principal.token_id()), Ok(*id));
            }
        }
    }
}
