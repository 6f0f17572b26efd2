//! Minting and verifying a token as a whole, against the raw HMAC of the same bytes and against the crate
//! `jsonwebtoken` on the same claims.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tollgate_core::{
    Algorithm, Claims, ClientId, Environment, Generation, KeyId, MerchantId, PayloadBuffer, Policy, SecretId,
    Timestamp, TokenId, TokenKind, VerifyingRing,
};
use tollgate_keys::{MasterKey, SigningKey, SigningRing};

const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);
const ISSUER: &str = "https://core.example.com";
const AUDIENCE: &str = "payment-api";
const SCOPE: &str = "payments:read payments:write";

fn key() -> SigningKey {
    SigningKey::derive(KeyId::from_bytes([1; 16]), &[7; 32], Timestamp::from_seconds(0), None)
}

fn signing_ring() -> SigningRing {
    SigningRing::new(ISSUER, vec![key()])
}

fn verifying_ring() -> VerifyingRing {
    let policy = Policy {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        exp_leeway: Duration::ZERO,
        iat_leeway: Duration::from_secs(5),
    };
    VerifyingRing::new(policy, [key().verifying_key()])
}

fn claims() -> Claims<'static> {
    Claims {
        issuer: ISSUER,
        subject: ClientId::from_bytes([1; 16]),
        audience: AUDIENCE,
        issued_at: NOW,
        expires_at: NOW.after(Duration::from_secs(900)),
        id: TokenId::from_bytes([2; 16]),
        scope: SCOPE,
        merchant_id: Some(MerchantId::from_bytes([3; 16])),
        environment: Environment::Test,
        secret_id: SecretId::from_bytes([4; 16]),
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        made_with: None,
        addresses: None,
    }
}

/// The same claims, for `jsonwebtoken`.
#[derive(Serialize, Deserialize)]
struct Named {
    iss: String,
    sub: String,
    aud: String,
    iat: u64,
    exp: u64,
    jti: String,
    scope: String,
    merchant_id: String,
    env: String,
    sid: String,
}

impl Named {
    fn new(jti: String) -> Self {
        let claims = claims();
        Self {
            iss: ISSUER.to_owned(),
            sub: claims.subject.to_string(),
            aud: AUDIENCE.to_owned(),
            iat: claims.issued_at.seconds(),
            exp: claims.expires_at.seconds(),
            jti,
            scope: SCOPE.to_owned(),
            merchant_id: claims.merchant_id.map(|id| id.to_string()).unwrap_or_default(),
            env: "test".to_owned(),
            sid: claims.secret_id.to_string(),
        }
    }
}

fn minted() -> Vec<u8> {
    let mut token = Vec::new();
    signing_ring()
        .mint(TokenKind::Access, Algorithm::Hs256, &claims(), NOW, &mut token)
        .expect("a key signs");
    token
}

/// What is signed of a token.
fn signed(token: &[u8]) -> &[u8] {
    let dot = token.iter().rposition(|b| *b == b'.').expect("a token has three parts");
    &token[..dot]
}

fn hmacs(c: &mut Criterion) {
    let token = minted();
    let signed = signed(&token);
    let mut group = c.benchmark_group("hmac");
    let key = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("HMAC takes keys of any length");
    group.bench_function("rustcrypto", |b| {
        b.iter(|| key.clone().chain_update(black_box(signed)).finalize().into_bytes());
    });
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[7; 32]);
    group.bench_function("ring", |b| b.iter(|| ring::hmac::sign(&key, black_box(signed))));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[7; 32]);
    group.bench_function("aws-lc-rs", |b| b.iter(|| aws_lc_rs::hmac::sign(&key, black_box(signed))));
    group.finish();
}

fn mint(c: &mut Criterion) {
    let mut group = c.benchmark_group("mint");
    let (ring, claims) = (signing_ring(), claims());
    let mut random = SmallRng::seed_from_u64(1);
    let mut token = Vec::with_capacity(1024);
    group.bench_function("tollgate", |b| {
        b.iter(|| {
            token.clear();
            let claims = Claims { id: TokenId::random(&mut random), ..black_box(claims) };
            ring.mint(TokenKind::Access, Algorithm::Hs256, &claims, NOW, &mut token)
        });
    });
    sign_with_rust_crypto();
    let (key, header) = (
        EncodingKey::from_secret(&[7; 32]).expect("it is a key"),
        Header::new(jsonwebtoken::Algorithm::HS256),
    );
    // Its claims are made beforehand but for the `jti`, which is written in hexadecimal: what is compared is the library.
    let mut named = Named::new(String::new());
    group.bench_function("jsonwebtoken", |b| {
        b.iter(|| {
            named.jti.clear();
            std::fmt::Write::write_fmt(&mut named.jti, format_args!("{:016x}{:06x}", random.next_u64(), 0))
                .expect("a string");
            jsonwebtoken::encode(&header, black_box(&named), &key)
        });
    });
    group.finish();
}

/// Says by what `jsonwebtoken` signs and verifies: the server has it use another library.
fn sign_with_rust_crypto() {
    // It was said before, if it fails.
    let _ = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
}

fn verify(c: &mut Criterion) {
    let mut group = c.benchmark_group("verify");
    let (ring, token) = (verifying_ring(), minted());
    group.bench_function("tollgate", |b| {
        b.iter(|| {
            let mut buffer = PayloadBuffer::new();
            let claims =
                ring.verify(TokenKind::Access, black_box(&token), NOW, &mut buffer).expect("it is valid");
            black_box(&claims);
        });
    });
    sign_with_rust_crypto();
    let header = Header::new(jsonwebtoken::Algorithm::HS256);
    let named = Named::new("AgICAgICAgICAgICAgICAg".to_owned());
    let token =
        jsonwebtoken::encode(&header, &named, &EncodingKey::from_secret(&[7; 32]).expect("it is a key"))
            .expect("it signs");
    let key = DecodingKey::from_secret(&[7; 32]).expect("it is a key");
    let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    // It takes no time as an argument, and the token is of another day.
    validation.validate_exp = false;
    group.bench_function("jsonwebtoken", |b| {
        b.iter(|| jsonwebtoken::decode::<Named>(black_box(&token), &key, &validation).expect("it is valid"));
    });
    group.finish();
}

fn secret(c: &mut Criterion) {
    let hasher = MasterKey::generate(&mut rand::rng()).secret_hasher();
    let secret = [b'x'; 57];
    c.benchmark_group("secret").bench_function("hash", |b| {
        b.iter(|| hasher.hash(black_box(ClientId::from_bytes([1; 16])), black_box(&secret)));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = hmacs, mint, verify, secret
}
criterion_main!(benches);
