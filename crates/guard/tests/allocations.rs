//! How often admitting a request allocates. Exact numbers: one more is a regression, one less is to be written down.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use http::{Request, Response};
use tollgate_core::{
    Algorithm, Claims, ClientId, Clock, Environment, Generation, KeyId, MerchantId, PayloadBuffer, Policy,
    SecretId, Timestamp, TokenId, TokenKind, Uptime, VerifyingRing,
};
use tollgate_guard::{GuardLayer, Principal, Requirement, Verifier};
use tollgate_keys::{SigningKey, SigningRing};
use tower::{Layer, Service, service_fn};

const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn uptime(&self) -> Uptime {
        Uptime { boot: [0; 16], elapsed: Duration::ZERO }
    }
}

fn verifier() -> Arc<Verifier> {
    let policy = Policy {
        issuer: "https://core.example.com".to_owned(),
        audience: "payment-api".to_owned(),
        exp_leeway: Duration::ZERO,
        iat_leeway: Duration::from_secs(5),
    };
    let keyring = VerifyingRing::new(policy, [key().verifying_key()]);
    Arc::new(Verifier::new(keyring, Arc::new(Stopped)))
}

fn key() -> SigningKey {
    SigningKey::derive(KeyId::from_bytes([1; 16]), &[1; 32], Timestamp::from_seconds(0), None)
}

fn token() -> Vec<u8> {
    let claims = Claims {
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
        addresses: None,
    };
    let mut token = Vec::new();
    SigningRing::new(claims.issuer, vec![key()])
        .mint(TokenKind::Access, Algorithm::Hs256, &claims, NOW, &mut token)
        .expect("a key signs");
    token
}

#[test]
fn verifying_with_revocations_allocates_nothing() {
    let verifier = verifier();
    let token = token();
    // Loading a snapshot for the first time makes a thread's own slots.
    drop((verifier.keyring(), verifier.revocations()));
    let mut buffer = PayloadBuffer::new();
    let counted = measure(|| {
        verifier.verify(TokenKind::Access, &token, NOW, &mut buffer).expect("it is valid");
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn admitting_allocates_the_place_of_the_principal_in_the_extensions_and_once_its_scope() {
    let verifier = verifier();
    let bearer = [b"Bearer ", &*token()].concat();
    drop((verifier.keyring(), verifier.revocations()));
    let inner = service_fn(|request: Request<()>| {
        assert!(request.extensions().get::<Principal>().is_some());
        // The request is kept, so that dropping it is not counted either.
        std::future::ready(Ok::<_, Infallible>(Response::new(Bytes::new())))
    });
    let mut guard = GuardLayer::new(verifier)
        .require(Requirement::new().scope("payments:read".parse().expect("it is a scope")))
        .layer(inner);
    let mut admitting = || {
        let request =
            Request::get("/").header("authorization", &*bearer).body(()).expect("the request is valid");
        measure(|| drop(guard.call(request))).count_total
    };
    // The scope's text; then, in the extensions, the map, its table and the principal.
    assert_eq!(admitting(), 4);
    // What is remembered of a token, and a copy of it.
    assert_eq!(admitting(), 4 + 2);
    // The scope is remembered, too.
    for _ in 0..10 {
        assert_eq!(admitting(), 3);
    }
}
