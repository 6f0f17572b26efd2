//! What an access token of each algorithm costs beyond its signature: minting and verifying it, in turn with the primitive
//! alone on the same bytes; and what a token that is sent again and again costs the guard.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Parser;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use sha2::Sha256;
use tollgate_bench::stats::median;
use tollgate_clock::SystemClock;
use tollgate_core::{
    Algorithm, Claims, ClientId, Environment, Generation, KeyId, MerchantId, PayloadBuffer, Policy, SecretId,
    Timestamp, TokenId, TokenKind, VerifyingRing,
};
use tollgate_guard::{Requirement, Verifier};
use tollgate_keys::{PrivateKey, RsaBits, SigningKey, SigningRing};

#[derive(Debug, Parser)]
#[command(about = "Times minting and verifying with each algorithm and prints the figures as JSON")]
struct Args {
    /// How often both of a pair run in turn.
    #[arg(long, default_value_t = 1_001)]
    rounds: usize,
    /// How long each of these runs takes.
    #[arg(long, default_value = "2ms", value_parser = humantime::parse_duration)]
    time: Duration,
}

/// Something of our own, and what it is held against; times in nanoseconds.
#[derive(Serialize)]
struct Row {
    what: &'static str,
    algorithm: String,
    reference: f64,
    own: f64,
    /// The median of the ratios within a round.
    ratio: f64,
}

const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);
const ISSUER: &str = "https://core.example.com";
const AUDIENCE: &str = "https://ledger.example.com";
const MATERIAL: [u8; 32] = [7; 32];

fn main() {
    let args = Args::parse();
    let mut rows = Vec::new();
    for algorithm in Algorithm::ALL {
        let subject = Subject::new(algorithm);
        rows.push(args.row("mint", algorithm, subject.raw_sign(), subject.mint()));
        rows.push(args.row("verify", algorithm, subject.raw_verify(), subject.verify()));
    }
    let symmetric = Subject::new(Algorithm::Hs256);
    for algorithm in Algorithm::ALL {
        let subject = Subject::new(algorithm);
        rows.push(args.row("again", algorithm, symmetric.decide_again(), subject.decide_again()));
    }
    println!("{}", serde_json::to_string(&rows).expect("figures serialise"));
}

impl Args {
    fn row(
        &self,
        what: &'static str,
        algorithm: Algorithm,
        mut reference: impl FnMut(),
        mut own: impl FnMut(),
    ) -> Row {
        let (many, own_many) = (self.many(&mut reference), self.many(&mut own));
        let rounds: Vec<(f64, f64)> =
            (0..self.rounds).map(|_| (timed(many, &mut reference), timed(own_many, &mut own))).collect();
        Row {
            what,
            algorithm: algorithm.to_string(),
            reference: median(rounds.iter().map(|(reference, _)| *reference)),
            own: median(rounds.iter().map(|(_, own)| *own)),
            ratio: median(rounds.iter().map(|(reference, own)| own / reference)),
        }
    }

    /// How many calls fill a run.
    fn many(&self, work: &mut impl FnMut()) -> u32 {
        let mut many = 1;
        loop {
            let took = timed(many, work) * f64::from(many);
            if took >= self.time.as_nanos() as f64 {
                return many;
            }
            many *= 2;
        }
    }
}

/// The processor time of one call in nanoseconds: what else runs on the machine counts for nothing.
fn timed(many: u32, work: &mut impl FnMut()) -> f64 {
    let used = || {
        let used = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).expect("it is below a second"))
    };
    let before = used();
    (0..many).for_each(|_| work());
    used().saturating_sub(before).as_nanos() as f64 / f64::from(many)
}

/// An algorithm with a key and a token of it.
struct Subject {
    algorithm: Algorithm,
    key: SigningKey,
    /// The private key for whoever has nothing else: PKCS #8, or the key of HMAC.
    raw: Vec<u8>,
    token: Vec<u8>,
}

impl Subject {
    fn new(algorithm: Algorithm) -> Self {
        let (id, from) = (KeyId::from_bytes([1; 16]), Timestamp::from_seconds(0));
        let (key, raw) = if algorithm.is_asymmetric() {
            let private = PrivateKey::generate(algorithm, RsaBits::Bits2048).expect("it is made");
            let raw = private.to_pkcs8().expect("it is written").to_vec();
            (SigningKey::asymmetric(id, private, from, None), raw)
        } else {
            (SigningKey::derive(id, &MATERIAL, from, None), MATERIAL.to_vec())
        };
        let mut token = Vec::new();
        let ring = SigningRing::new(ISSUER, vec![key.clone()]);
        ring.mint(TokenKind::Access, algorithm, &claims(), NOW, &mut token).expect("it signs");
        Self { algorithm, key, raw, token }
    }

    /// What is signed, and the signature.
    fn parts(&self) -> (Vec<u8>, Vec<u8>) {
        let dot = self.token.iter().rposition(|byte| *byte == b'.').expect("a token has three parts");
        let signature = URL_SAFE_NO_PAD.decode(&self.token[dot + 1..]).expect("it is base64url");
        (self.token[..dot].to_vec(), signature)
    }

    fn mint(&self) -> impl FnMut() + use<> {
        let (ring, algorithm) = (SigningRing::new(ISSUER, vec![self.key.clone()]), self.algorithm);
        let (mut random, mut token) = (SmallRng::seed_from_u64(1), Vec::with_capacity(2048));
        move || {
            token.clear();
            let claims = Claims { id: TokenId::random(&mut random), ..black_box(claims()) };
            ring.mint(TokenKind::Access, algorithm, &claims, NOW, &mut token).expect("it signs");
        }
    }

    fn verify(&self) -> impl FnMut() + use<> {
        let (ring, token) = (self.ring(), self.token.clone());
        move || {
            let mut buffer = PayloadBuffer::new();
            let claims =
                ring.verify(TokenKind::Access, black_box(&token), NOW, &mut buffer).expect("it is valid");
            black_box(&claims);
        }
    }

    /// Decides about a request with a token that has been sent before.
    fn decide_again(&self) -> impl FnMut() + use<> {
        let verifier = Verifier::new(self.ring(), Arc::new(SystemClock));
        let reading = Requirement::new().scope("payments:read".parse().expect("it is a scope"));
        let token = std::str::from_utf8(&self.token).expect("a token is ASCII");
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().expect("it is a value"));
        move || {
            let decision = verifier.decide(black_box(&headers), None, &reading, NOW);
            drop(black_box(decision.expect("it is admitted")));
        }
    }

    fn ring(&self) -> VerifyingRing {
        let policy = Policy {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            exp_leeway: Duration::ZERO,
            iat_leeway: Duration::from_secs(5),
        };
        VerifyingRing::new(policy, [self.key.verifying_key()])
    }

    fn raw_sign(&self) -> Box<dyn FnMut()> {
        let (signed, _) = self.parts();
        let rng = SystemRandom::new();
        match self.algorithm {
            Algorithm::Hs256 => {
                let key = Hmac::<Sha256>::new_from_slice(&self.raw).expect("HMAC takes keys of any length");
                Box::new(move || {
                    black_box(key.clone().chain_update(black_box(&signed)).finalize());
                })
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.raw);
                let pair = pair.expect("it is a key");
                Box::new(move || {
                    black_box(pair.sign(&rng, black_box(&signed)).expect("it signs"));
                })
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(&self.raw).expect("it is a key");
                Box::new(move || {
                    black_box(pair.sign(black_box(&signed)));
                })
            }
            Algorithm::Ps256 => self.raw_rsa(&RSA_PSS_SHA256),
            Algorithm::Rs256 => self.raw_rsa(&RSA_PKCS1_SHA256),
        }
    }

    fn raw_rsa(&self, padding: &'static dyn RsaEncoding) -> Box<dyn FnMut()> {
        let (signed, _) = self.parts();
        let pair = RsaKeyPair::from_pkcs8(&self.raw).expect("it is a key");
        let (rng, mut signature) = (SystemRandom::new(), vec![0; pair.public_modulus_len()]);
        Box::new(move || pair.sign(padding, &rng, black_box(&signed), &mut signature).expect("it signs"))
    }

    fn raw_verify(&self) -> Box<dyn FnMut()> {
        let (signed, signature) = self.parts();
        let by = |algorithm: &'static dyn VerificationAlgorithm, public: &[u8]| -> Box<dyn FnMut()> {
            let key = ParsedPublicKey::new(algorithm, public).expect("it is a key");
            let (signed, signature) = (signed.clone(), signature.clone());
            Box::new(move || key.verify_sig(black_box(&signed), &signature).expect("it is good"))
        };
        match self.algorithm {
            Algorithm::Hs256 => self.raw_sign(),
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.raw);
                by(&ECDSA_P256_SHA256_FIXED, pair.expect("it is a key").public_key().as_ref())
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(&self.raw).expect("it is a key");
                by(&ED25519, pair.public_key().as_ref())
            }
            Algorithm::Ps256 | Algorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(&self.raw).expect("it is a key");
                let is_pss = self.algorithm == Algorithm::Ps256;
                let padding = if is_pss { &RSA_PSS_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA256 };
                by(padding, pair.public_key().as_ref())
            }
        }
    }
}

fn claims() -> Claims<'static> {
    Claims {
        issuer: ISSUER,
        subject: ClientId::from_bytes([1; 16]),
        audience: AUDIENCE,
        issued_at: NOW,
        expires_at: NOW.after(Duration::from_secs(900)),
        id: TokenId::from_bytes([2; 16]),
        scope: "payments:read payments:write",
        merchant_id: Some(MerchantId::from_bytes([3; 16])),
        environment: Environment::Live,
        secret_id: SecretId::from_bytes([4; 16]),
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        made_with: None,
        addresses: None,
    }
}
