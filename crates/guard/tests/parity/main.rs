//! The bare layer answers as the table of all mounts says.

mod table;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use tollgate_core::{Algorithm, Clock, KeyId, Policy, Timestamp, Uptime, VerifyingRing};
use tollgate_guard::{ClientAddress, Decide, Freshness, GuardLayer, Requirement, Revocations, Verifier};
use tollgate_keys::{SigningKey, SigningRing};
use tower::{Layer, ServiceExt, service_fn};

use table::{
    AUDIENCE, Authority, Case, ENVIRONMENT, SCOPE, SECOND, STALE, TIMES, cases, doubtful_cases, revocations,
    stale_cases,
};

const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn uptime(&self) -> Uptime {
        Uptime { boot: [0; 16], elapsed: Duration::ZERO }
    }
}

fn key() -> SigningKey {
    SigningKey::derive(KeyId::from_bytes([1; 16]), &[1; 32], Timestamp::from_seconds(0), None)
}

fn policy() -> Policy {
    Policy {
        issuer: "https://core.example.com".to_owned(),
        audience: AUDIENCE.to_owned(),
        exp_leeway: Duration::ZERO,
        iat_leeway: Duration::from_secs(5),
    }
}

fn authority() -> Authority {
    let since = Timestamp::from_seconds(0);
    Authority {
        policy: policy(),
        algorithm: Algorithm::Hs256,
        keys: SigningRing::new(&policy().issuer, vec![key()]),
        foreign: SigningKey::derive(KeyId::from_bytes([8; 16]), &[8; 32], since, None),
    }
}

fn verifier() -> Arc<Verifier> {
    let keyring = VerifyingRing::new(policy(), [key().verifying_key()]);
    let verifier = Verifier::new(keyring, Arc::new(Fixed));
    let mut revoked = Revocations::default();
    for revocation in revocations(NOW) {
        revoked.apply(&revocation);
    }
    verifier.set_revocations(revoked);
    Arc::new(verifier)
}

fn requirement() -> Requirement {
    Requirement::new().scope(SCOPE.parse().expect("it is a scope")).environment(ENVIRONMENT)
}

async fn answer<D: Decide>(guard: &GuardLayer<D>, case: &Case) -> Response<Bytes>
where
    D::Later: Send,
{
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Bytes::new())) });
    let mut request = Request::new(());
    request.extensions_mut().insert(ClientAddress::Known(IpAddr::from([203, 0, 113, 7])));
    for line in &case.authorization {
        request.headers_mut().append(AUTHORIZATION, line.clone());
    }
    guard.layer(inner).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn the_bare_layer_answers_as_the_table_says() {
    let verifier = verifier();
    let guard = GuardLayer::new(verifier.clone()).require(requirement());
    let cases = cases(&authority(), NOW);
    let mut differences = Vec::new();
    for case in cases.iter().flat_map(|case| [case; TIMES]) {
        differences.extend(case.check(&answer(&guard, case).await).err());
    }
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(cases.len() > 3_000, "{} cases", cases.len());
}

#[tokio::test]
async fn a_stale_layer_says_nothing_of_a_token() {
    let verifier = verifier();
    let guard = GuardLayer::new(verifier.clone()).require(requirement());
    let cases = stale_cases(&authority(), NOW);
    verifier.set_freshness(Freshness { keys_until: NOW, until: NOW });
    for case in &cases {
        case.check(&answer(&guard, case).await).unwrap();
    }
    assert!(cases.iter().filter(|case| case.expected == Err(STALE)).count() > 8);
    verifier.set_freshness(Freshness { keys_until: NOW, until: NOW.after(Duration::from_millis(1)) });
    let good = cases.iter().find(|case| case.name == "a good token").unwrap();
    assert!(good.check(&answer(&guard, good).await).is_err(), "a moment earlier it was admitted");
}

#[tokio::test]
async fn a_layer_that_may_lack_a_key_calls_no_signature_wrong() {
    let verifier = verifier();
    let guard = GuardLayer::new(verifier.clone()).require(requirement());
    let cases = doubtful_cases(&authority(), NOW);
    verifier.set_freshness(Freshness { keys_until: NOW, until: NOW.after(SECOND) });
    for case in &cases {
        case.check(&answer(&guard, case).await).unwrap();
    }
    verifier.set_freshness(Freshness {
        keys_until: NOW.after(Duration::from_millis(1)),
        until: NOW.after(SECOND),
    });
    let news = cases.iter().find(|case| case.name == "a token of the next key").unwrap();
    assert!(news.check(&answer(&guard, news).await).is_err(), "a moment earlier it was 401");
}

/// A table that any mount passes would say nothing.
#[tokio::test]
async fn a_mount_that_requires_less_fails_the_table() {
    let verifier = verifier();
    let cases = cases(&authority(), NOW);
    let guard = GuardLayer::new(verifier.clone());
    for (lax, missed) in [
        (guard.clone().require(Requirement::new().environment(ENVIRONMENT)), "the scope \"payments\""),
        (
            guard.require(Requirement::new().scope(SCOPE.parse().expect("it is a scope"))),
            "a token of the live environment",
        ),
    ] {
        let case = cases.iter().find(|case| case.name == missed).unwrap();
        assert!(case.check(&answer(&lax, case).await).is_err(), "{missed}");
    }
}
