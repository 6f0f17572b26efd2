//! How often minting and verifying allocate. Exact numbers: one more is a regression, one less is to be written down.

use std::time::Duration;

use allocation_counter::measure;
use tollgate_core::{
    Algorithm, Claims, ClientId, Environment, Generation, KeyId, MerchantId, PayloadBuffer, Policy, SecretId,
    Timestamp, TokenError, TokenId, TokenKind, VerifyingRing,
};
use tollgate_keys::{MasterKey, SigningKey, SigningRing};

const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

fn rings() -> (SigningRing, VerifyingRing) {
    let policy = Policy {
        issuer: "https://core.example.com".to_owned(),
        audience: "payment-api".to_owned(),
        exp_leeway: Duration::ZERO,
        iat_leeway: Duration::from_secs(5),
    };
    let key = |n, from| SigningKey::derive(KeyId::from_bytes([n; 16]), &[n; 32], from, None);
    let keys = vec![key(1, Timestamp::from_seconds(0)), key(2, NOW.after(Duration::from_secs(60)))];
    let verifying = VerifyingRing::new(policy, keys.iter().map(SigningKey::verifying_key));
    (SigningRing::new("https://core.example.com", keys), verifying)
}

fn claims() -> Claims<'static> {
    Claims {
        issuer: "https://core.example.com",
        subject: ClientId::from_bytes([1; 16]),
        audience: "payment-api",
        issued_at: NOW,
        expires_at: NOW.after(Duration::from_secs(900)),
        id: TokenId::from_bytes([2; 16]),
        scope: "payments:read payments:write",
        merchant_id: Some(MerchantId::from_bytes([3; 16])),
        environment: Environment::Test,
        secret_id: SecretId::from_bytes([4; 16]),
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        made_with: Some(TokenId::from_bytes([5; 16])),
        addresses: Some("10.0.0.0/8 192.168.0.0/16"),
    }
}

fn allocations(run: impl FnOnce()) -> u64 {
    measure(run).count_total
}

#[test]
fn minting_into_a_buffer_with_room_allocates_nothing() {
    let ((signing, _), claims) = (rings(), claims());
    let mut out = Vec::with_capacity(2048);
    let counted = allocations(|| {
        signing.mint(TokenKind::Access, Algorithm::Hs256, &claims, NOW, &mut out).expect("a key signs");
    });
    assert_eq!(counted, 0);
}

#[test]
fn verifying_allocates_nothing() {
    let (signing, verifying) = rings();
    let mut token = Vec::new();
    signing.mint(TokenKind::Access, Algorithm::Hs256, &claims(), NOW, &mut token).expect("a key signs");
    let mut buffer = PayloadBuffer::new();
    let counted = allocations(|| {
        let read = verifying.verify(TokenKind::Access, &token, NOW, &mut buffer).expect("it is valid");
        assert!(read.allows("payments:read"));
    });
    assert_eq!(counted, 0);
}

#[test]
fn refusing_allocates_nothing() {
    let (signing, verifying) = rings();
    let mut token = Vec::new();
    signing.mint(TokenKind::Refresh, Algorithm::Hs256, &claims(), NOW, &mut token).expect("a key signs");
    let mut buffer = PayloadBuffer::new();
    let counted = allocations(|| {
        let refused = verifying.verify(TokenKind::Access, &token, NOW, &mut buffer);
        assert_eq!(refused, Err(TokenError::Signature));
    });
    assert_eq!(counted, 0);
}

#[test]
fn hashing_a_secret_allocates_nothing() {
    let hasher = MasterKey::generate(&mut rand::rng()).secret_hasher();
    let stored = hasher.hash(ClientId::from_bytes([1; 16]), b"secret");
    let counted =
        allocations(|| assert!(hasher.hash(ClientId::from_bytes([1; 16]), b"secret").matches(&stored)));
    assert_eq!(counted, 0);
}
