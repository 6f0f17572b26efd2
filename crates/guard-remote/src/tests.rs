use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tollgate_client::Fault;
use tollgate_core::{Clock, Environment, TokenError};
use tollgate_guard::{Decide, Denial, Principal, Requirement};
use tollgate_keys::SigningKey;

use super::*;

mod authority;
mod failing;
mod introspecting;
mod over_http;

use authority::{AUDIENCE, Authority, CLIENT, ISSUER, Instead, Kept, SetClock, key, token, token_of};

const SECOND: Duration = Duration::from_secs(1);
/// A time longer than anything is kept by itself.
const LONG: Duration = Duration::from_secs(200);

/// A guard, its authority, the key that signs, and the guard's clock.
struct Guarded {
    authority: Authority,
    verifier: RemoteVerifier,
    key: SigningKey,
    clock: Arc<SetClock>,
}

impl Guarded {
    fn builder(authority: &Authority, clock: &Arc<SetClock>) -> RemoteBuilder {
        RemoteVerifier::builder(ISSUER, AUDIENCE)
            .client(Kept::new("guard"), Kept::new("s3cret"))
            .transport(authority.clone())
            .clock(clock.clone())
    }

    /// Starts a guard with these settings, after telling its authority how to behave.
    fn set_up(tell: impl FnOnce(&Authority), set: impl FnOnce(RemoteBuilder) -> RemoteBuilder) -> Self {
        let key = key(1);
        let authority = Authority::new(&key);
        tell(&authority);
        let clock = Arc::new(Authority::new(&key).clock);
        let verifier = set(Self::builder(&authority, &clock)).start().unwrap();
        Self { authority, verifier, key, clock }
    }

    async fn ready() -> Self {
        let guarded = Self::set_up(|_| {}, |builder| builder);
        guarded.verifier.ready().await;
        guarded
    }

    async fn decide(&self, token: &str) -> Result<Principal, Denial> {
        decide(&self.verifier, token).await
    }

    /// Returns the decision about a valid token of a key.
    async fn about(&self, key: &SigningKey) -> Result<(), Denial> {
        self.decide(&token(key, self.clock.now())).await.map(drop)
    }
}

async fn decide(verifier: &impl Decide, token: &str) -> Result<Principal, Denial> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    verifier.decide_soon(&headers, None, &Requirement::new()).made().await
}

fn refused<T>(error: TokenError) -> Result<T, Denial> {
    Err(Denial::InvalidToken(error))
}

#[tokio::test(start_paused = true)]
async fn nothing_is_admitted_before_the_authority_has_answered_and_then_good_tokens_are() {
    let guarded = Guarded::set_up(|_| {}, |builder| builder);
    assert_eq!(guarded.about(&guarded.key).await, Err(Denial::Stale));
    assert!(!guarded.verifier.is_ready());
    guarded.verifier.ready().await;
    let principal = guarded.decide(&token(&guarded.key, guarded.clock.now())).await.unwrap();
    assert_eq!(principal.client_id(), CLIENT);
    assert!(guarded.verifier.is_ready() && guarded.verifier.problem().is_none());
    assert_eq!(guarded.decide("").await, Err(Denial::NoToken));
}

#[tokio::test(start_paused = true)]
async fn test_and_live_never_mix_unless_somebody_says_so() {
    let live = Guarded::ready().await;
    let test = |guarded: &Guarded| token_of(&guarded.key, guarded.clock.now(), Environment::Test);
    assert_eq!(live.about(&live.key).await, Ok(()));
    assert_eq!(live.decide(&test(&live)).await, Err(Denial::Environment));
    let of_test = Guarded::set_up(|_| {}, |builder| builder.environment(Environment::Test));
    of_test.verifier.ready().await;
    assert_eq!(of_test.about(&of_test.key).await, Err(Denial::Environment));
    assert!(of_test.decide(&test(&of_test)).await.is_ok());
    let both = Guarded::set_up(|_| {}, RemoteBuilder::any_environment);
    both.verifier.ready().await;
    assert_eq!(both.about(&both.key).await, Ok(()));
    assert!(both.decide(&test(&both)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_keys_are_read_again_when_their_max_age_is_over_and_not_before() {
    let guarded = Guarded::ready().await;
    sleep(Duration::from_secs(3_500)).await;
    let read = guarded.authority.called("/oauth2/jwks");
    assert!((12..=14).contains(&read.len()), "{} times", read.len());
    for pair in read.windows(2) {
        let apart = pair[1].duration_since(pair[0]);
        assert!(apart >= Duration::from_secs(269) && apart <= Duration::from_secs(301), "{apart:?}");
    }
    assert_eq!(guarded.about(&guarded.key).await, Ok(()));
    // The metadata is kept for an hour.
    assert_eq!(guarded.authority.called("/.well-known/").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_published_before_it_signs_is_never_unknown() {
    let guarded = Guarded::ready().await;
    let next = key(2);
    guarded.authority.script().published.push(next.clone());
    // As long as the authority lets the set be kept.
    sleep(Duration::from_secs(301)).await;
    let reads = guarded.authority.called("/oauth2/jwks").len();
    for key in [&next, &guarded.key] {
        assert_eq!(guarded.about(key).await, Ok(()));
    }
    assert_eq!(guarded.authority.called("/oauth2/jwks").len(), reads, "nobody had to wait");
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_new_key_waits_for_it_and_unknown_keys_have_the_keys_read_once_in_30_seconds() {
    let guarded = Guarded::ready().await;
    let reads = || guarded.authority.called("/oauth2/jwks").len();
    let (new, made_up) = (key(2), key(3));
    guarded.authority.script().published = vec![new.clone()];
    let (one, two) = tokio::join!(guarded.about(&new), guarded.about(&new));
    assert_eq!((one, two, reads()), (Ok(()), Ok(()), 2));
    for _ in 0..100 {
        assert_eq!(guarded.about(&made_up).await, refused(TokenError::Signature));
    }
    assert_eq!(reads(), 2);
    sleep(30 * SECOND).await;
    assert_eq!(guarded.about(&made_up).await, refused(TokenError::Signature));
    assert_eq!(guarded.about(&made_up).await, refused(TokenError::Signature));
    assert_eq!(reads(), 3);
    // No other bad token causes a request, whenever it comes.
    sleep(30 * SECOND).await;
    let good = token(&new, guarded.clock.now());
    assert_eq!(guarded.decide(&good[..good.len() - 2]).await, refused(TokenError::Malformed));
    assert_eq!(guarded.decide("eyJhbGciOiJub25lIn0.e30.").await, refused(TokenError::UnknownHeader));
    assert_eq!(
        guarded.decide("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.AA").await,
        refused(TokenError::Signature)
    );
    assert_eq!(reads(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_taken_back_verifies_nothing_from_the_next_reading_on() {
    let guarded = Guarded::ready().await;
    let new = key(2);
    let old = token(&guarded.key, guarded.clock.now());
    // Twice, so that it is in the cache.
    assert!(guarded.decide(&old).await.is_ok() && guarded.decide(&old).await.is_ok());
    guarded.authority.script().published = vec![new.clone()];
    assert_eq!(guarded.about(&new).await, Ok(()));
    assert_eq!(guarded.decide(&old).await, refused(TokenError::Signature));
}

#[tokio::test(start_paused = true)]
async fn a_revocation_is_learnt_within_a_second_and_kept() {
    let guarded = Guarded::ready().await;
    let good = token(&guarded.key, guarded.clock.now());
    for wait in [0, 7, 29] {
        sleep(Duration::from_secs(wait)).await;
        assert!(guarded.decide(&good).await.is_ok());
    }
    guarded.authority.revoke_client();
    sleep(SECOND).await;
    assert_eq!(guarded.decide(&good).await, refused(TokenError::Revoked));
    // Neither later answers nor the passage of time makes it valid again.
    sleep(LONG).await;
    assert_eq!(guarded.decide(&good).await, refused(TokenError::Revoked));
    guarded.clock.set_ahead(10);
    assert_eq!(guarded.decide(&good).await, refused(TokenError::Revoked));
}

#[tokio::test(start_paused = true)]
async fn a_guard_without_revocations_says_so_and_asks_for_none() {
    let guarded = Guarded::set_up(|_| {}, RemoteBuilder::without_revocations);
    guarded.verifier.ready().await;
    guarded.authority.revoke_client();
    sleep(LONG).await;
    assert_eq!(guarded.about(&guarded.key).await, Ok(()));
    assert!(guarded.authority.called("/oauth2/revocations").is_empty());
    assert!(guarded.authority.called("/oauth2/token").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_tasks_end_with_the_verifier() {
    let guarded = Guarded::ready().await;
    let (authority, verifier) = (guarded.authority.clone(), guarded.verifier);
    drop(verifier);
    // Questions that were sent already may still be answered.
    sleep(SECOND).await;
    let calls = authority.script().called.len();
    sleep(LONG).await;
    assert_eq!(authority.script().called.len(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_waits_for_the_keys_is_made_also_when_the_verifier_has_gone() {
    let Guarded { verifier, clock, .. } = Guarded::ready().await;
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {}", token(&key(2), clock.now())).parse().unwrap());
    let decision = verifier.decide_soon(&headers, None, &Requirement::new());
    drop(verifier);
    assert_eq!(timeout(LONG, decision.made()).await, Ok(Err(Denial::Stale)));
}

#[tokio::test]
async fn what_cannot_be_set_up_is_said_at_once() {
    let authority = Authority::new(&key(1));
    let clock = Arc::new(authority.clock.clone());
    let said = |issuer: &str, audience: &str, set: fn(RemoteBuilder) -> RemoteBuilder| {
        let client = RemoteVerifier::builder(issuer, audience).client(Kept::new("i"), Kept::new("s"));
        set(client.clock(clock.clone())).start().err().map(|error| error.to_string()).unwrap_or_default()
    };
    let as_it_is = |builder: RemoteBuilder| builder;
    for insecure in ["http://core.example.com", "http://10.0.0.1"] {
        assert!(said(insecure, AUDIENCE, as_it_is).contains("https://"), "{insecure}");
    }
    for bad in ["", "core.example.com", "ftp://core.example.com", "https://u:p@core.example.com"] {
        assert!(said(bad, AUDIENCE, as_it_is).starts_with("the issuer: "), "{bad}");
    }
    for bad in ["https://core.example.com/", "https://core.example.com?a"] {
        assert!(said(bad, AUDIENCE, as_it_is).contains("letter by letter"), "{bad}");
    }
    assert!(said(ISSUER, "a b", as_it_is).starts_with("the audience: "));
    assert!(said(ISSUER, AUDIENCE, |builder| builder.bound(64 * SECOND)).contains("65 s"));
    let without_client = RemoteVerifier::builder(ISSUER, AUDIENCE).start().err().unwrap().to_string();
    assert!(without_client.contains("tollgate:verify") && without_client.contains("without_revocations"));
    assert_eq!(said("http://127.0.0.1:1", AUDIENCE, as_it_is), "", "on this machine nobody listens in");
}
