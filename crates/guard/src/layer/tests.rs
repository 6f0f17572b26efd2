use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Mutex;
use std::task::Waker;
use std::time::Duration;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use proptest::prelude::*;
use tollgate_core::{
    Accepted, Algorithm, Claims, Clock, Environment, Generation, KeyId, MerchantId, Policy, Revocation,
    Revoked, Scope, SecretId, Timestamp, TokenError, TokenId, TokenKind, Uptime, VerifyingRing,
};
use tollgate_keys::{SigningKey, SigningRing};
use tower::{ServiceExt, service_fn};

use super::*;
use crate::{ClientAddress, Revocations};

const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);
const CLIENT: ClientId = ClientId::from_bytes([1; 16]);

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn uptime(&self) -> Uptime {
        Uptime { boot: [0; 16], elapsed: Duration::ZERO }
    }
}

fn key(material: u8) -> SigningKey {
    SigningKey::derive(KeyId::from_bytes([material; 16]), &[material; 32], Timestamp::from_seconds(0), None)
}

fn keyring(material: u8) -> VerifyingRing {
    let policy = Policy {
        issuer: "https://core.example.com".to_owned(),
        audience: "payment-api".to_owned(),
        exp_leeway: Duration::ZERO,
        iat_leeway: Duration::from_secs(5),
    };
    VerifyingRing::new(policy, [key(material).verifying_key()])
}

fn verifier() -> Arc<Verifier> {
    Arc::new(Verifier::new(keyring(1), Arc::new(Fixed)))
}

fn claims() -> Claims<'static> {
    Claims {
        issuer: "https://core.example.com",
        subject: CLIENT,
        audience: "payment-api",
        issued_at: NOW,
        expires_at: NOW.after(Duration::from_secs(900)),
        id: TokenId::from_bytes([2; 16]),
        scope: "payments:read",
        merchant_id: Some(MerchantId::from_bytes([3; 16])),
        environment: Environment::Test,
        secret_id: SecretId::from_bytes([4; 16]),
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        made_with: None,
        addresses: None,
    }
}

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn request(claims: &Claims<'_>) -> Request<()> {
    let mut line = b"Bearer ".to_vec();
    SigningRing::new("https://core.example.com", vec![key(1)])
        .mint(TokenKind::Access, Algorithm::Hs256, claims, NOW, &mut line)
        .unwrap();
    Request::get("/").header(AUTHORIZATION, line).body(()).unwrap()
}

fn from(mut request: Request<()>, address: &str) -> Request<()> {
    let address: IpAddr = address.parse().unwrap();
    request.extensions_mut().insert(ClientAddress::Known(address));
    request
}

/// Sends a request through the guard; the inner service answers "reached".
async fn answer(guard: &GuardLayer, request: Request<()>) -> Response<Bytes> {
    let inner = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Bytes::from("reached"))) });
    guard.layer(inner).oneshot(request).await.unwrap()
}

async fn denial(guard: &GuardLayer, request: Request<()>) -> Option<Denial> {
    answer(guard, request).await.extensions().get().cloned()
}

#[tokio::test]
async fn the_inner_service_finds_the_principal_in_the_request() {
    let seen = Mutex::new(None);
    let inner = service_fn(|request: Request<()>| {
        *seen.lock().unwrap() = request.extensions().get::<Principal>().cloned();
        async { Ok::<_, Infallible>(Response::new(Bytes::new())) }
    });
    GuardLayer::new(verifier()).layer(inner).oneshot(request(&claims())).await.unwrap();
    let principal = seen.into_inner().unwrap().unwrap();
    assert_eq!(principal.client_id(), CLIENT);
    assert_eq!(principal.merchant_id(), claims().merchant_id);
    assert_eq!(principal.environment(), Environment::Test);
    assert_eq!(*principal.scope(), scope("payments:read"));
    assert_eq!(principal.token_id(), claims().id);
    assert_eq!(principal.secret_id(), Some(claims().secret_id));
    assert_eq!(principal.expires_at(), claims().expires_at);
}

#[tokio::test]
async fn the_response_says_why_nobody_was_admitted_and_where_asked_to_who_was() {
    let guard = GuardLayer::new(verifier());
    let admitted = answer(&guard, request(&claims())).await;
    assert_eq!(admitted.body(), "reached");
    assert!(admitted.extensions().is_empty());

    let guard = guard.report_client();
    let admitted = answer(&guard, request(&claims())).await;
    assert_eq!(admitted.extensions().get(), Some(&CLIENT));
    assert_eq!(admitted.extensions().get::<Denial>(), None);

    let expired = Claims { expires_at: NOW, ..claims() };
    let denied = answer(&guard, request(&expired)).await;
    assert_eq!(denied.extensions().get(), Some(&Denial::InvalidToken(TokenError::Expired)));
    assert_eq!(denied.extensions().get::<ClientId>(), None);
}

#[tokio::test]
async fn a_refused_request_never_reaches_the_inner_service() {
    let inner = service_fn(|_: Request<()>| async {
        panic!("it was reached");
        #[expect(unreachable_code, reason = "it gives the closure its type")]
        Ok::<Response<Bytes>, Infallible>(Response::new(Bytes::new()))
    });
    let mut guard = GuardLayer::new(verifier()).layer(inner);
    let response = guard.call(Request::new(())).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer realm=\"payment-api\"");
}

#[tokio::test]
async fn a_principal_or_an_address_that_the_caller_made_up_counts_for_nothing() {
    let guard = GuardLayer::new(verifier());
    let request = Request::get("/?access_token=a.b.c")
        .header("x-client-id", CLIENT.to_string())
        .header("x-access-token", "a.b.c")
        .header("cookie", "access_token=a.b.c")
        .body(())
        .unwrap();
    assert_eq!(denial(&guard, request).await, Some(Denial::NoToken));
}

/// A service that is ready only when it is asked for the second time, and fails the third time.
#[derive(Clone, Default)]
struct Slow {
    asked: u8,
}

impl Service<Request<()>> for Slow {
    type Response = Response<Bytes>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<Bytes>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.asked += 1;
        match self.asked {
            1 => Poll::Pending,
            2 => Poll::Ready(Ok(())),
            _ => Poll::Ready(Err("not ready any more")),
        }
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(Err("failed"))
    }
}

#[tokio::test]
async fn readiness_and_errors_are_the_inner_services_own() {
    let mut guard = GuardLayer::new(verifier()).layer(Slow::default());
    let cx = &mut Context::from_waker(Waker::noop());
    assert_eq!(guard.poll_ready(cx), Poll::Pending);
    assert_eq!(guard.poll_ready(cx), Poll::Ready(Ok(())));
    assert_eq!(guard.call(request(&claims())).await.unwrap_err(), "failed");
    assert_eq!(guard.poll_ready(cx), Poll::Ready(Err("not ready any more")));
}

#[tokio::test]
async fn a_token_bound_to_networks_needs_an_address_in_one_of_them() {
    let guard = GuardLayer::new(verifier());
    let bound = Claims { addresses: Some("10.0.0.0/8 2001:db8::/32"), ..claims() };
    for (address, expected) in [
        ("10.1.2.3", None),
        ("::ffff:10.1.2.3", None),
        ("2001:db8::1", None),
        ("11.0.0.1", Some(Denial::Address)),
        ("::1", Some(Denial::Address)),
    ] {
        assert_eq!(denial(&guard, from(request(&bound), address)).await, expected, "{address}");
    }
    assert_eq!(denial(&guard, request(&bound)).await, Some(Denial::Address), "without an address");
    let response = answer(&guard, request(&bound)).await;
    assert_eq!((response.status().as_u16(), response.headers().get(WWW_AUTHENTICATE)), (403, None));
}

#[tokio::test]
async fn a_token_that_is_bound_to_no_network_needs_no_address() {
    let guard = GuardLayer::new(verifier());
    assert_eq!(denial(&guard, request(&claims())).await, None);
    assert_eq!(denial(&guard, from(request(&claims()), "192.0.2.1")).await, None);
}

#[tokio::test]
async fn each_environment_refuses_the_tokens_of_the_other() {
    let guard = GuardLayer::new(verifier());
    let live = Claims { environment: Environment::Live, ..claims() };
    let (for_test, for_live) = (
        guard.clone().require(Requirement::new().environment(Environment::Test)),
        guard.clone().require(Requirement::new().environment(Environment::Live)),
    );
    for (guard, claims, expected) in [
        (&guard, &live, None),
        (&guard, &claims(), None),
        (&for_test, &claims(), None),
        (&for_test, &live, Some(Denial::Environment)),
        (&for_live, &live, None),
        (&for_live, &claims(), Some(Denial::Environment)),
    ] {
        assert_eq!(denial(guard, request(claims)).await, expected);
    }
}

#[tokio::test]
async fn a_missing_scope_is_named_only_to_a_token_that_is_otherwise_good() {
    let writing = Requirement::new().environment(Environment::Test).scope(scope("payments:write"));
    let guard = GuardLayer::new(verifier()).require(writing);
    let response = answer(&guard, request(&claims())).await;
    assert_eq!(response.status(), 403);
    assert_eq!(
        response.headers()[WWW_AUTHENTICATE],
        "Bearer realm=\"payment-api\", error=\"insufficient_scope\", scope=\"payments:write\""
    );
    for (claims, expected) in [
        (claims(), Denial::InsufficientScope(scope("payments:write"))),
        (Claims { environment: Environment::Live, ..claims() }, Denial::Environment),
        (Claims { addresses: Some("192.0.2.0/24"), ..claims() }, Denial::Address),
        (Claims { expires_at: NOW, ..claims() }, Denial::InvalidToken(TokenError::Expired)),
    ] {
        assert_eq!(denial(&guard, from(request(&claims), "10.0.0.1")).await, Some(expected));
    }
}

#[tokio::test]
async fn every_word_of_a_required_scope_is_required() {
    let both = Requirement::new().scope(scope("payments:read payments:write"));
    let guard = GuardLayer::new(verifier()).require(both);
    let everything = Claims { scope: "payments:write x payments:read", ..claims() };
    assert_eq!(denial(&guard, request(&everything)).await, None);
    let response = answer(&guard, request(&claims())).await;
    assert_eq!(
        response.headers()[WWW_AUTHENTICATE],
        "Bearer realm=\"payment-api\", error=\"insufficient_scope\", scope=\"payments:read payments:write\""
    );
}

#[tokio::test]
async fn a_required_audience_refuses_the_others_that_the_keyring_accepts_and_is_the_realm() {
    let former = "former-api";
    let accepted = vec![Accepted {
        issuer: claims().issuer.to_owned(),
        audience: former.to_owned(),
        is_other_api: false,
    }];
    let verifier = Arc::new(Verifier::new(keyring(1).accepting(accepted), Arc::new(Fixed)));
    let guard = GuardLayer::new(verifier);
    let of_former = Claims { audience: former, ..claims() };
    let refused = Some(Denial::InvalidToken(TokenError::Audience));
    // More often than it takes to be cached.
    for _ in 0..3 {
        for (audience, good, bad) in [("payment-api", claims(), of_former), (former, of_former, claims())] {
            assert_eq!(denial(&guard, request(&good)).await, None);
            let guard = guard.clone().require(Requirement::new().audience(audience));
            assert_eq!(denial(&guard, request(&good)).await, None);
            assert_eq!(denial(&guard, request(&bad)).await, refused);
            let response = answer(&guard, request(&bad)).await;
            let challenge = format!("Bearer realm=\"{audience}\", error=\"invalid_token\"");
            assert_eq!(response.headers()[WWW_AUTHENTICATE], challenge);
        }
    }
}

#[tokio::test]
async fn other_keys_and_other_revocations_count_from_the_next_request_on() {
    let verifier = verifier();
    let guard = GuardLayer::new(verifier.clone());
    assert_eq!(denial(&guard, request(&claims())).await, None);

    let mut revocations = Revocations::default();
    revocations.apply(&Revocation { subject: Revoked::Token(claims().id), expires_at: claims().expires_at });
    verifier.set_revocations(revocations);
    assert_eq!(denial(&guard, request(&claims())).await, Some(Denial::InvalidToken(TokenError::Revoked)));

    verifier.set_revocations(Revocations::default());
    assert_eq!(denial(&guard, request(&claims())).await, None);
    verifier.set_keyring(keyring(2));
    assert_eq!(denial(&guard, request(&claims())).await, Some(Denial::InvalidToken(TokenError::Signature)));
}

#[tokio::test]
async fn a_verifier_that_stands_at_another_time_decides_as_it_would_then() {
    let verifier = verifier();
    let expiry = claims().expires_at;
    let just_before =
        GuardLayer::new(Arc::new(verifier.standing_at(expiry.before(Duration::from_millis(1)))));
    assert_eq!(denial(&just_before, request(&claims())).await, None);
    let then = GuardLayer::new(Arc::new(verifier.standing_at(expiry)));
    assert_eq!(denial(&then, request(&claims())).await, Some(TokenError::Expired.into()));
    // The verifier itself still uses its own clock, and the other one has its revocations.
    assert_eq!(denial(&GuardLayer::new(verifier.clone()), request(&claims())).await, None);
    let subject = Revoked::Client(CLIENT, Generation::FIRST.next());
    verifier.set_revocations([Revocation { subject, expires_at: expiry }].into_iter().collect());
    let now = GuardLayer::new(Arc::new(verifier.standing_at(NOW)));
    assert_eq!(denial(&now, request(&claims())).await, Some(TokenError::Revoked.into()));
}

#[tokio::test]
async fn every_token_that_is_not_accepted_is_answered_alike() {
    let guard = GuardLayer::new(verifier());
    let expired = answer(&guard, request(&Claims { expires_at: NOW, ..claims() })).await;
    for claims in [
        Claims { issuer: "https://other.example.com", ..claims() },
        Claims { audience: "other", ..claims() },
        Claims { issued_at: NOW.after(Duration::from_secs(60)), ..claims() },
    ] {
        let other = answer(&guard, request(&claims)).await;
        assert_eq!(
            (other.status(), other.headers(), other.body()),
            (expired.status(), expired.headers(), expired.body())
        );
    }
}

proptest! {
    #[test]
    fn an_arbitrary_authorization_admits_nobody(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..3),
        scheme in prop::bool::ANY,
    ) {
        let mut request = Request::new(());
        for line in lines {
            let line = if scheme { [b"Bearer ", &line[..]].concat() } else { line };
            let Ok(line) = http::HeaderValue::from_bytes(&line) else { continue };
            request.headers_mut().append(AUTHORIZATION, line);
        }
        let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Bytes::new())) });
        let guard = GuardLayer::new(verifier()).layer(inner);
        prop_assert!(matches!(guard.rule.decide(&request), Decision::Made(Err(_))));
    }
}
